import {
  DeadLetterId,
  DeadLetterReasonName,
  deadLetterCursor,
  limits,
  ProcessorFilter,
  ProcessorName,
  timeRange,
  Uuid,
  uuidPattern,
} from "@sate/contracts";
import { type TObject, type TSchema, Type } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";
import { anInstant } from "./range.ts";

const closed = { additionalProperties: false } as const;
const request_id = { ...Uuid, description: "The id of a processing request." };
const execution_id = { ...Uuid, description: "The id of one of its executions." };

export const RequestPath = Type.Object({ request_id }, closed);
export const ExecutionPath = Type.Object({ request_id, execution_id }, closed);
export const WorkerPath = Type.Object({ worker_id: { ...Uuid, description: "The id of a worker." } }, closed);
export const WebhookPath = Type.Object(
  { webhook_id: { ...Uuid, description: "The id of a webhook." } },
  closed,
);
export const SchedulePath = Type.Object(
  { schedule_id: { ...Uuid, description: "The id of a schedule." } },
  closed,
);
export const ProcessorPath = Type.Object({ name: ProcessorName }, closed);

export const DeadLetterPath = Type.Object({ dead_letter_id: DeadLetterId }, closed);

/** The query of a route without parameters. */
export const NoQuery = Type.Object({}, closed);

/** The body of a route that takes none. An empty object is accepted, too. */
export const NoBody = Type.Object({}, closed);

/** A cursor matches this, or is empty: the start of the list. */
export const cursor = (pattern: string, maxLength = 36) =>
  Type.Optional(
    Type.String({
      pattern: `^(${pattern})?$`,
      maxLength,
      description:
        "The start of the page, taken from the link to it. Without a value, the start of the list.",
    }),
  );
export const limit = (byDefault: number) =>
  Type.Integer({
    minimum: 1,
    maximum: limits.pageMax,
    default: byDefault,
    description: "Maximum number of entries. A page of large entries may have fewer.",
  });

/** The query of a list of schedules. The cursor is the last id of the previous page. */
export const schedulePageQuery = Type.Object(
  { limit: limit(limits.pageDefault), cursor: cursor(uuidPattern.slice(1, -1)) },
  closed,
);

/** The query of a list of attempts. The cursor is the last attempt of the previous page. */
export const attemptPageQuery = (limitByDefault: number) =>
  Type.Object({ limit: limit(limitByDefault), cursor: cursor("[1-9][0-9]{0,3}") }, closed);

/** The query of a list of dead letters. */
export const deadLetterPageQuery = Type.Object(
  {
    reason: Type.Optional(DeadLetterReasonName),
    processor: Type.Optional(ProcessorFilter),
    ...timeRange("published"),
    limit: limit(limits.pageDefault),
    cursor: cursor(deadLetterCursor.pattern, deadLetterCursor.maxLength),
  },
  closed,
);

/** The query of a log. The cursor is the epoch and the sequence of the last chunk of the previous page. */
export const logQuery = Type.Object(
  {
    epoch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 999_999_999,
        description: "The number of a run, to return only its log.",
      }),
    ),
    cursor: cursor("[1-9][0-9]{0,8}\\.(0|[1-9][0-9]{0,6})"),
  },
  closed,
);

/**
 * The parameters of a query, for the route's schema to check: whole numbers as numbers, everything else as text.
 * Throws if one is given twice: Elysia would silently take the last.
 */
export function readQuery(url: string, { properties }: TObject): Record<string, string | number> {
  // Without a prototype: a parameter may be called __proto__.
  const query: Record<string, string | number> = Object.create(null);
  const start = url.indexOf("?");
  for (const [name, value] of new URLSearchParams(start < 0 ? "" : url.slice(start))) {
    if (Object.hasOwn(query, name)) throw invalid(name, "A parameter is given twice. Send it once.");
    const isInteger = Object.hasOwn(properties, name) && properties[name]?.type === "integer";
    query[name] = isInteger && /^(0|-?[1-9][0-9]{0,8})$/.test(value) ? Number(value) : value;
  }
  return query;
}

const listed = new Intl.ListFormat("en", { type: "conjunction" });

/** Why a query does not match the schema of its route. */
export function invalidQuery({ path, type, schema }: ValueError): Refusal {
  const name = path.slice(1);
  if (type === ValueErrorType.ObjectAdditionalProperties) {
    const known = Object.keys(schema.properties).map((one) => `\`${one}\``);
    const takes = known.length === 0 ? "no parameters" : `only ${listed.format(known)}`;
    return invalid(name, `A parameter is unknown. Remove it: this route takes ${takes}.`);
  }
  if (schema.type === "integer") {
    return invalid(name, `\`${name}\` must be a whole number from ${schema.minimum} to ${schema.maximum}.`);
  }
  if (schema.anyOf) return invalid(name, `\`${name}\` must be ${oneOf(schema.anyOf)}.`);
  return invalid(
    name,
    (filterDetails as Record<string, string>)[name] ??
      "The cursor is not from this list. Follow the link to the next page, or start without a cursor.",
  );
}

/** What a parameter or field of a union of texts must be. */
export function oneOf(literals: TSchema[]): string {
  return `one of ${literals.map((one) => `"${one.const}"`).join(", ")}`;
}

/** What a label consists of, as the end of a sentence. */
export const labelForm =
  "Names consist of a to z, 0 to 9, `_`, `.` and `-`, at most 63 characters; values have at most 255 characters";

/** What a parameter of a filter must be. */
const filterDetails = {
  status:
    "`status` must be queued, running, succeeded, failed, dead_lettered or cancelled, or several of these, separated by commas.",
  processor: "`processor` must be a valid name. `GET /processors` lists the known processors.",
  label: `\`label\` must have the form name:value. ${labelForm}.`,
  since: `\`since\` is not a valid date and time. ${anInstant} Encode a \`+\` as %2B.`,
  until: `\`until\` is not a valid date and time. ${anInstant} Encode a \`+\` as %2B.`,
};

export function invalid(name: string, detail: string): Refusal {
  return new Refusal("invalid-parameter", detail, fieldIfPlain(name));
}

/** Names a field or parameter in a refusal, but only if its name is harmless in any log or page. */
export function fieldIfPlain(name: string | undefined): { field?: string } {
  return name !== undefined && /^[A-Za-z0-9_.$[\]-]{1,64}$/.test(name) ? { field: name } : {};
}

const unknown = {
  unknown_request: ["request-not-found", "No processing request has this id. `POST /requests` creates one."],
  unknown_execution: [
    "execution-not-found",
    "This processing request has no execution with this id. `GET /requests/{id}/executions` lists them.",
  ],
  removed: [
    "request-removed",
    "This processing request was removed, with its executions and results. It cannot be executed again; create a new request.",
  ],
  unknown_processor: [
    "processor-not-found",
    "No worker has announced a processor with this name, or it was withdrawn. `GET /processors` lists the known processors.",
  ],
  unknown_dead_letter: [
    "dead-letter-not-found",
    "No dead letter has this id, or it was deleted. `GET /dead-letters` lists them.",
  ],
  unknown_webhook: ["webhook-not-found", "No webhook has this id. `GET /webhooks` lists them."],
  unknown_schedule: [
    "schedule-not-found",
    "No schedule has this id, or another API key created it. `GET /schedules` lists those that you may see.",
  ],
  unknown_worker: [
    "worker-gone",
    "No live worker has this id: its lease has expired, it was ended, or another API key registered it. Stop its runs and register again.",
  ],
} as const;

/** The 404 of an id or a name that is unknown; 410 of a worker, and of a request that was removed. */
export function unknownId(kind: keyof typeof unknown): Refusal {
  const [name, detail] = unknown[kind];
  return new Refusal(name, detail);
}

const kindOfParameter = {
  "/request_id": "unknown_request",
  "/execution_id": "unknown_execution",
  "/name": "unknown_processor",
  "/webhook_id": "unknown_webhook",
  "/worker_id": "unknown_worker",
  "/dead_letter_id": "unknown_dead_letter",
  "/schedule_id": "unknown_schedule",
} as const;

/** A path parameter that cannot be an id or a name is an unknown one. */
export function invalidPath({ path }: ValueError): Refusal {
  return unknownId(kindOfParameter[path as keyof typeof kindOfParameter]);
}
