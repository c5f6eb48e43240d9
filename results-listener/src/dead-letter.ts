import {
  cutToSize,
  type DeadLetterDocument,
  type DeadLetterReason,
  headerNames,
  headerOf,
  type IncomingRecord,
  limits,
} from "@sate/contracts";

/** What is kept of one dead letter: together less than the 16 MiB that a document of MongoDB may have. */
export const keptMax = {
  valueBytes: limits.recordBytesMax,
  keyBytes: limits.originBytesMax,
  /** As JSON with values in base64: origin-key and origin-headers of the greatest size fit. */
  headersBytes: 4 * 1024 * 1024,
  idChars: 300,
  reasonChars: 100,
  topicChars: 249,
};

/** A record of the dead letter queue as it is kept. Pure, and never throws: anything at all may stand there. */
export function deadLetterOf(record: IncomingRecord): DeadLetterDocument {
  const { partition, offset, timestamp } = record;
  const stored = withoutPayload(record);
  const { key, value, headersJson, cut } = cutToSize({ ...record, value: stored }, keptMax);
  const omitted = stored === record.value ? [] : ["The payload was omitted: it is stored with its request."];
  return {
    _id: idOf(record),
    time: timeOf(timestamp),
    partition,
    offset,
    reason: line(headerOf(record, headerNames.reason), keptMax.reasonChars),
    detail: line(headerOf(record, headerNames.detail), limits.errorMessageCharsMax),
    origin_topic: line(headerOf(record, headerNames.originTopic), keptMax.topicChars),
    origin_partition: originPartition(headerOf(record, headerNames.originPartition)),
    origin_offset: digits(headerOf(record, headerNames.originOffset)),
    key,
    value,
    headers: headersJson,
    cut: [...omitted, cut ?? []].flat().join(" ") || null,
  };
}

/** A repetition of a dead letter has the same id; one without a plain id is told from others by its place. */
function idOf(record: IncomingRecord): string {
  const id = headerOf(record, headerNames.deadLetterId);
  if (id !== undefined && id.length <= keptMax.idChars && /^[\x21-\x7e]+$/.test(id)) return id;
  return `${record.topic}/${record.partition}/${record.offset}/${record.timestamp}`;
}

/** Producers may say any time; a date has at most 8.64e15 ms. */
function timeOf(timestamp: string): number {
  const time = Number(timestamp);
  return Number.isSafeInteger(time) && time >= 0 && time <= 8.64e15 ? time : 0;
}

function originPartition(text: string | undefined): number | null {
  const partition = digits(text);
  return partition === null || partition.length > 9 ? null : Number(partition);
}

function digits(text: string | undefined): string | null {
  return text !== undefined && /^\d{1,19}$/.test(text) ? text : null;
}

/** For people: one line, not too long. */
function line(text: string | undefined, charsMax: number): string | null {
  return text === undefined ? null : text.slice(0, charsMax).replaceAll(/\p{Cc}/gu, " ");
}

const refused: DeadLetterReason = "max_failures";

/**
 * The value of a refused attempt without its payload, which is stored with its request: otherwise each attempt, of a
 * hundred bytes, would store the payload once more. Any other value as it is.
 */
function withoutPayload(record: IncomingRecord): Uint8Array | null {
  if (record.value === null || headerOf(record, headerNames.reason) !== refused) return record.value;
  try {
    const { processing_request, ...execution } = JSON.parse(new TextDecoder().decode(record.value));
    const { payload, ...request } = processing_request;
    if (payload === undefined || typeof request.id !== "string") return record.value;
    return Buffer.from(JSON.stringify({ ...execution, processing_request: request }));
  } catch {
    return record.value;
  }
}
