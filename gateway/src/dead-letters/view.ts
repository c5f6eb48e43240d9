import { isUtf8 } from "node:buffer";
import {
  type DeadLetterEntry,
  type DeadLetterRecord,
  type ExecutionRecord,
  formatTimestamp,
  headerNames,
  type JsonText,
  jsonObject,
  limits,
  readJson,
} from "@sate/contracts";
import { texts } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { publicIdOf } from "./public-id.ts";

/** The value of a record embeds a payload of the maximum depth a few levels deeper. */
const nestingMax = limits.nestingMax + 8;

/** A dead letter in a list. */
export function deadLetterView(uris: Uris, entry: DeadLetterEntry): JsonText {
  return jsonObject(entryTexts(uris, entry));
}

/** A dead letter with its bytes, and the execution that replayed it. */
export function wholeDeadLetterView(
  uris: Uris,
  deadLetter: DeadLetterRecord,
  replay: ExecutionRecord | undefined,
): JsonText {
  const { partition, offset, key_base64, value_base64, headers_json } = deadLetter;
  const headers = JSON.parse(headers_json) as Record<string, string>;
  const ofOrigin = Object.hasOwn(headers, headerNames.originHeaders)
    ? parsed(String(bytesOf(headers[headerNames.originHeaders])))
    : undefined;
  return jsonObject({
    ...entryTexts(uris, deadLetter),
    ...texts({ partition, offset }),
    key: key_base64 === undefined ? undefined : jsonObject(texts(textOrBase64(bytesOf(key_base64)))),
    value: value_base64 === undefined ? undefined : valueView(bytesOf(value_base64)),
    ...texts({ headers: headerViews(headers), origin_headers: ofOrigin && headerViews(ofOrigin) }),
    ...texts({
      replayed_by: replay && {
        ...{ execution_id: replay.id, status: replay.status },
        execution_uri: uris.execution(replay.request_id, replay.id),
      },
    }),
  });
}

function entryTexts(uris: Uris, entry: DeadLetterEntry) {
  const { id, time, reason, detail, request_id, attempt, execution_id, processor, cut } = entry;
  const { origin_topic, origin_partition, origin_offset } = entry;
  const origin = { topic: origin_topic, partition: origin_partition, offset: origin_offset };
  const ofRequest = request_id !== undefined && {
    request_uri: uris.request(request_id),
    ...(execution_id !== undefined && { execution_uri: uris.execution(request_id, execution_id) }),
    results_uri:
      execution_id === undefined
        ? uris.requestResults(request_id)
        : uris.executionResults(request_id, execution_id),
  };
  return texts({
    ...{ id: publicIdOf(id), time: formatTimestamp(time), reason, detail, request_id, attempt },
    ...{ execution_id, processor, origin: origin_topic === undefined ? undefined : origin, cut },
    ...ofRequest,
  });
}

const bytesOf = (base64 = "") => Buffer.from(base64, "base64");

function textOrBase64(bytes: Buffer): { text: string } | { base64: string } {
  return isUtf8(bytes) ? { text: bytes.toString() } : { base64: bytes.toString("base64") };
}

/** JSON as it is, byte for byte. */
function valueView(bytes: Buffer): JsonText {
  const reading = readJson(bytes, nestingMax);
  return jsonObject(reading.kind === "read" ? { json: reading.text } : texts(textOrBase64(bytes)));
}

function headerViews(headers: Record<string, unknown>) {
  return Object.entries(headers).map(([name, base64]) => ({
    name,
    ...textOrBase64(bytesOf(String(base64))),
  }));
}

/** Another program may have written anything. */
function parsed(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
