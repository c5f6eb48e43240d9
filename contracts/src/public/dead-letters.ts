import { type Static, Type } from "@sinclair/typebox";
import { ExecutionStatus } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { open } from "../values/object.ts";
import { ProcessorFilter } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";
import { bulkBody, bulkResponse } from "./bulk.ts";
import { page } from "./page.ts";

/** The bodies of dead letters in the public REST API. */

/**
 * An id of printable ASCII as it is in URLs, where many characters have a meaning: each that is no letter, digit, `_` or
 * `-` is `~` and its code in two hexadecimal digits, so that UUIDs are as they are.
 */
const publicId = "(?:[A-Za-z0-9_-]|~[0-9a-f]{2}){1,300}";
const publicIdCharsMax = 900;

export const DeadLetterId = Type.String({
  pattern: `^${publicId}$`,
  maxLength: publicIdCharsMax,
  description: "The id of a dead letter.",
});

/** The time and the id of the last dead letter that a page has examined. */
export const deadLetterCursor = {
  pattern: `[0-9]{1,16}\\.${publicId}`,
  maxLength: publicIdCharsMax + 17,
};

export const DeadLetterReasonName = Type.Union(
  [
    Type.Literal("unexpected_error"),
    Type.Literal("lost"),
    Type.Literal("max_failures"),
    Type.Literal("unreadable_record"),
  ],
  {
    description:
      "Why it is a dead letter. unexpected_error: a processor threw an unexpected error. lost: an execution was lost too often with its workers. max_failures: an attempt was refused, because the request had too many failed executions. unreadable_record: a record could not be read.",
  },
);

const uri = (of: string) => Type.Optional(Type.String({ description: `The URI of the ${of}.` }));

const Origin = Type.Object(
  { topic: Type.String(), partition: Type.Integer(), offset: Type.String() },
  { ...open, description: "The position of the unreadable record." },
);

const entry = {
  id: DeadLetterId,
  time: Type.String({ ...Timestamp, description: "When it was published. A time in UTC." }),
  reason: Type.Optional(Type.String({ description: "Why it is a dead letter, such as unexpected_error." })),
  detail: Type.Optional(Type.String({ description: "The reason in one sentence." })),
  request_id: Type.Optional(Uuid),
  attempt: Type.Optional(Type.Integer({ description: "The number of the execution." })),
  execution_id: Type.Optional(Uuid),
  processor: Type.Optional(Type.String({ description: "The processor of the request." })),
  origin: Type.Optional(Origin),
  cut: Type.Optional(Type.String({ description: "What is missing from the record, and why." })),
  request_uri: uri("processing request"),
  execution_uri: uri("execution"),
  results_uri: uri("results"),
};

export const DeadLetterSummary = Type.Object({ ...entry }, open);
export const DeadLetterPage = page("dead_letters", DeadLetterSummary);

/** Exactly one of its fields is present. */
const Bytes = Type.Object(
  {
    json: Type.Optional(Type.Unknown({ description: "The bytes, if they are JSON." })),
    text: Type.Optional(Type.String({ description: "The bytes, if they are other UTF-8 text." })),
    base64: Type.Optional(Type.String({ description: "Any other bytes, in base64." })),
  },
  { ...open, description: "The bytes as JSON if they are JSON, as text if they are UTF-8, or in base64." },
);
const headers = (description: string) =>
  Type.Array(
    Type.Object(
      {
        name: Type.String(),
        text: Type.Optional(Type.String({ description: "The value, if it is UTF-8 text." })),
        base64: Type.Optional(Type.String({ description: "Any other value, in base64." })),
      },
      open,
    ),
    { description },
  );

export const DeadLetter = Type.Object(
  {
    ...entry,
    partition: Type.Integer({ description: "Its partition in the dead letter queue." }),
    offset: Type.String({ description: "Its offset in the dead letter queue." }),
    key: Type.Optional(Bytes),
    value: Type.Optional(Bytes),
    headers: headers("The headers of the dead letter."),
    origin_headers: Type.Optional(headers("The headers of the unreadable record.")),
    replayed_by: Type.Optional(
      Type.Object(
        {
          execution_id: Uuid,
          status: ExecutionStatus,
          execution_uri: Type.String({ description: "The URI of the execution." }),
        },
        {
          ...open,
          description: "The execution that a replay of this dead letter started, if there was one.",
        },
      ),
    ),
  },
  open,
);

export const ReplayedDeadLetter = Type.Object(
  {
    id: DeadLetterId,
    replayed: Type.Boolean({
      description:
        "Whether this call replayed the dead letter. false: an earlier call did, and this one had no effect.",
    }),
    execution_id: Type.Optional(Uuid),
    execution_uri: uri("execution that the replay started"),
    results_uri: uri("results of that execution"),
    topic: Type.Optional(Type.String({ description: "The topic to which the record was published again." })),
  },
  open,
);

export const ReplayDeadLetters = bulkBody(
  { reason: Type.Optional(DeadLetterReasonName), processor: Type.Optional(ProcessorFilter) },
  {
    cursor: `^${deadLetterCursor.pattern}$`,
    cursorCharsMax: deadLetterCursor.maxLength,
    description: "The dead letters to replay.",
  },
);
export type ReplayDeadLetters = Static<typeof ReplayDeadLetters>;

export const ReplayedDeadLetters = bulkResponse(
  "replayed",
  "The number of dead letters that were replayed; in a dry run, that would be.",
  { id: DeadLetterId },
);
