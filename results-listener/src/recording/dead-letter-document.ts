import {
  cutToSize,
  type DeadLetterDocument,
  type DeadLetterReason,
  deadLetterSubject,
  headerNames,
  headerOf,
  type IncomingRecord,
  limits,
  oneLine,
} from "@sate/contracts";

/** What is stored of one dead letter: together less than the 16 MiB that a MongoDB document may have. */
export const storedMax = {
  valueBytes: limits.recordBytesMax,
  keyBytes: limits.originBytesMax,
  /** As JSON with values in base64: origin-key and origin-headers of the maximum size fit. */
  headersBytes: 4 * 1024 * 1024,
  idChars: 300,
  reasonChars: 100,
  topicChars: 249,
};

/** A record of the dead letter queue as it is stored. Pure, and never throws, because the queue may contain anything. */
export function deadLetterDocument(record: IncomingRecord): DeadLetterDocument {
  const { partition, offset, timestamp } = record;
  const value = withoutPayload(record);
  const { headersJson, cut, ...stored } = cutToSize({ ...record, value }, storedMax);
  const header = (name: keyof typeof headerNames) => headerOf(record, headerNames[name]);
  const originPartition = digits(header("originPartition"), 9);
  const omitted = value === record.value ? null : "The payload was omitted: it is stored with its request.";
  return {
    _id: idOf(record),
    time: timeOf(timestamp),
    partition,
    offset,
    reason: line(header("reason"), storedMax.reasonChars),
    detail: line(header("detail"), limits.lineCharsMax),
    origin_topic: line(header("originTopic"), storedMax.topicChars),
    origin_partition: originPartition === null ? null : Number(originPartition),
    origin_offset: digits(header("originOffset"), 19),
    ...stored,
    headers: headersJson,
    // An unreadable record may have been cut before it was published here.
    cut: [line(header("cut"), limits.lineCharsMax), omitted, cut].filter(Boolean).join(" ") || null,
    ...deadLetterSubject(record),
  };
}

/** The same in every repetition of a dead letter. Without a well-formed `dead-letter-id`, its position and time. */
function idOf(record: IncomingRecord): string {
  const id = headerOf(record, headerNames.deadLetterId);
  if (id !== undefined && id.length <= storedMax.idChars && /^[\x21-\x7e]+$/.test(id)) return id;
  return `${record.topic}/${record.partition}/${record.offset}/${record.timestamp}`;
}

/** Producers may set any timestamp; a `Date` has at most 8.64e15 ms. */
function timeOf(timestamp: string): number {
  const time = Number(timestamp);
  return Number.isSafeInteger(time) && time >= 0 && time <= 8.64e15 ? time : 0;
}

function digits(text: string | undefined, most: number): string | null {
  return text !== undefined && text.length <= most && /^\d+$/.test(text) ? text : null;
}

function line(text: string | undefined, charsMax: number): string | null {
  return text === undefined ? null : oneLine(text, charsMax);
}

const refused: DeadLetterReason = "max_failures";

/**
 * The value of a refused attempt without its payload, which is stored with its request: otherwise each attempt, a call
 * of a hundred bytes, would store the payload again. Any other value is returned as it is.
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
