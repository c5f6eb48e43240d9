import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { tagged } from "../requests-api/schema.ts";

const time = Type.Integer({ minimum: 0 });

/** A dead letter without its key, value and headers. What its record does not say is absent. */
export const DeadLetterEntry = Type.Object(
  {
    /** Printable ASCII without spaces. */
    id: Type.String(),
    /** When it was published, in ms since 1970. */
    time,
    /** Its position in the dead letter queue. */
    partition: Type.Integer(),
    offset: Type.String(),
    /** A `DeadLetterReason`, unless another program wrote the record. */
    reason: Type.Optional(Type.String()),
    detail: Type.Optional(Type.String()),
    /** The origin of an unreadable record. */
    origin_topic: Type.Optional(Type.String()),
    origin_partition: Type.Optional(Type.Integer()),
    origin_offset: Type.Optional(Type.String()),
    request_id: Type.Optional(Uuid),
    attempt: Type.Optional(Type.Integer()),
    execution_id: Type.Optional(Uuid),
    processor: Type.Optional(Type.String()),
    /** Sentences about what is missing from the record. */
    cut: Type.Optional(Type.String()),
  },
  open,
);
export type DeadLetterEntry = Static<typeof DeadLetterEntry>;

export const DeadLetterRecord = Type.Composite(
  [
    DeadLetterEntry,
    Type.Object({
      key_base64: Type.Optional(Type.String()),
      value_base64: Type.Optional(Type.String()),
      /** JSON: name → value in base64. */
      headers_json: Type.String(),
    }),
  ],
  open,
);
export type DeadLetterRecord = Static<typeof DeadLetterRecord>;

/** A place in the list of dead letters. */
export const DeadLetterPosition = Type.Object({ time, id: Type.String() }, open);
export type DeadLetterPosition = Static<typeof DeadLetterPosition>;

/** Of all dead letters those that match every condition; `since` is included, `until` is not. Ms since 1970. */
const filter = {
  reason: Type.Optional(Type.String()),
  processor: Type.Optional(Type.String()),
  since: Type.Optional(time),
  until: Type.Optional(time),
};

/** Reading dead letters. */
export const deadLetterOperations = {
  /**
   * Newest first, those before `before`. Examines at most `limits.examinedMax` entries of an index, so a page
   * may have fewer than `limit`, or none; the list ends with the first page without `next`, the position to continue from.
   */
  listDeadLetters: {
    path: "/internal/dead-letters/list",
    body: Type.Object(
      {
        ...filter,
        limit: Type.Integer({ minimum: 1, maximum: limits.bulkMax }),
        before: Type.Optional(DeadLetterPosition),
      },
      open,
    ),
    response: Type.Object(
      { dead_letters: Type.Array(DeadLetterEntry), next: Type.Optional(DeadLetterPosition) },
      open,
    ),
  },
  getDeadLetter: {
    path: "/internal/dead-letters/get",
    body: Type.Object({ id: Type.String() }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), dead_letter: DeadLetterRecord }, open),
      tagged("unknown_dead_letter"),
    ]),
  },
} as const;
