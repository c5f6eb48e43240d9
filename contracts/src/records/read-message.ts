import type { Static, TSchema } from "@sinclair/typebox";
import type { TypeCheck, ValueError } from "@sinclair/typebox/compiler";
import { type JsonText, readJson } from "../values/json.ts";
import { limits } from "../values/limits.ts";
import { headerNames, headerOf, schemaVersion } from "./headers.ts";
import type { IncomingRecord, Unreadable } from "./record.ts";

/** A record embeds a payload of the maximum depth a few levels deeper. */
const nestingMax = limits.nestingMax + 8;

const problems = {
  bad_encoding: "The value is not valid UTF-8.",
  too_deep: "The value is nested too deeply.",
  not_json: "The value is not valid JSON.",
};

/**
 * The JSON message in a record, checked, and its text. Unknown fields and missing headers are tolerated; a newer
 * `schema-version` is not.
 */
export function readMessage<T extends TSchema>(
  record: IncomingRecord,
  check: TypeCheck<T>,
): { kind: "read"; message: Static<T>; text: JsonText } | Unreadable {
  const version = headerOf(record, headerNames.schemaVersion);
  if (version !== undefined && version !== schemaVersion) {
    return unreadable(`The schema version is not ${schemaVersion}.`);
  }
  if (record.value === null) return unreadable("The record has no value.");
  const reading = readJson(record.value, nestingMax);
  if (reading.kind !== "read") return unreadable(problems[reading.kind]);
  const { value, text } = reading;
  if (check.Check(value)) return { kind: "read", message: value, text };
  const { path, message } = check.Errors(value).First() as ValueError;
  return unreadable(`The field ${path || "/"} is invalid: ${message}.`);
}

function unreadable(detail: string): Unreadable {
  return { kind: "unreadable", detail };
}
