import type { DeadLetterDocument } from "@sate/contracts";

/** A stored dead letter. Each call creates another one. */
export function deadLetterOf(parts: Partial<DeadLetterDocument> = {}): DeadLetterDocument {
  return {
    _id: Bun.randomUUIDv7(),
    time: 1_604_766_718_103,
    partition: 3,
    offset: "42",
    reason: "lost",
    detail: "It was lost.",
    origin_topic: null,
    origin_partition: null,
    origin_offset: null,
    key: Buffer.from("key"),
    value: new Uint8Array([0, 1, 255]),
    headers: "{}",
    cut: null,
    request_id: Bun.randomUUIDv7(),
    attempt: 1,
    execution_id: Bun.randomUUIDv7(),
    processor: "word-count",
    ...parts,
  };
}
