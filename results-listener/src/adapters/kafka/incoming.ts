import type { IncomingRecord } from "@sate/contracts";
import type { IHeaders, KafkaMessage } from "kafkajs";

/** A record as kafkajs hands it over, as the contracts have it. */
export function incoming(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  return {
    topic,
    partition,
    offset: message.offset,
    timestamp: message.timestamp,
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
  };
}

/** Of a header that is repeated the last counts; a header may have no value, which kafkajs does not say in its types. */
function headersOf(headers: IHeaders | undefined): Record<string, Uint8Array> {
  const entries = Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return last === undefined ? [] : [[name, Buffer.from(last ?? "")] as const];
  });
  return Object.fromEntries(entries);
}
