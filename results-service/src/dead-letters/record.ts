import {
  type DeadLetterDocument,
  type DeadLetterRecord,
  deadLetterEntryOf,
  subjectOfStored,
} from "@sate/contracts";

/** A stored dead letter, from either database, as a record of the internal API. */
export function deadLetterRecordOf(stored: DeadLetterDocument): DeadLetterRecord {
  const { key, value, headers, ...fields } = stored;
  return {
    ...deadLetterEntryOf({ ...fields, ...(!fields.request_id && subjectOfStored(stored)) }),
    ...(key && { key_base64: base64(key) }),
    ...(value && { value_base64: base64(value) }),
    headers_json: headers,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
