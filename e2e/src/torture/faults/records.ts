import { topics } from "@sate/contracts";
import { kafkaLog } from "../../system/kafka.ts";
import type { TopicRecord } from "../../system/system.ts";
import type { Malformed } from "../evidence/evidence.ts";
import type { Fault, Nemesis } from "./fault.ts";

/** Malformed records, each told from all others by its mark. */
export function malformedRecords(mark: string): TopicRecord[] {
  const headers = { "x-torture": mark };
  const of = (value: string | Buffer, more: Record<string, string> = {}): TopicRecord => ({
    key: Buffer.from(mark),
    value: Buffer.from(value),
    headers: { ...headers, ...more },
  });
  return [
    of(`not json ${mark}`),
    of(`{"mark":"${mark}"}`),
    of(`["${mark}"]`),
    of(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(mark)])),
    of(`{"id":"${mark}","attempt":-1,"processing_request":null}`),
    of(`${"[".repeat(300)}"${mark}"${"]".repeat(300)}`),
    of(`{"future":"${mark}"}`, { "schema-version": "999" }),
    of(`{"oversized":"${mark}${"x".repeat(700_000)}`),
  ];
}

export const consumed = [topics.executions, topics.successful, topics.failed];

export async function publishMalformed({ store, malformed, random }: Nemesis, topic: string): Promise<void> {
  const records = malformedRecords(`m${random.between(1, 2 ** 31)}-${topic}`);
  await store.publish(topic, records);
  for (const { value, headers } of records) {
    malformed.push({
      topic,
      at: performance.now(),
      value: value?.toString("base64") ?? null,
      headers,
      excused: false,
    });
  }
}

/** In which a malformed record must have been read. */
const readMs = 60_000;

/** What came to these topics only just now may be lost with them; all else must be a dead letter by now. */
export function excuse(malformed: Malformed[], topicsLost: readonly string[]): void {
  const now = performance.now();
  for (const one of malformed) one.excused ||= topicsLost.includes(one.topic) && now - one.at < readMs;
}

/** Of each partition. */
const again = 500;

/** All but the dead letters: they are the only place of what was malformed. */
const deleted = consumed;

export const recordFaults: Fault[] = [
  {
    id: "F15",
    name: "malformed records on every topic",
    async run(nemesis) {
      for (const topic of consumed) await publishMalformed(nemesis, topic);
      return { targets: consumed, outcome: "published" };
    },
  },
  {
    id: "F14",
    name: "every record once more",
    async run({ system, store }) {
      const log = kafkaLog(system.kafka());
      let count = 0;
      for (const topic of consumed) {
        const records = (await log.read(topic, again)).filter(({ headers }) => !headers["x-torture"]);
        await store.publish(topic, records);
        count += records.length;
      }
      return { targets: consumed, outcome: `${count} records` };
    },
  },
  ...deleted.map(
    (topic): Fault => ({
      id: "F14",
      name: `${topic} deleted and made anew`,
      async run({ system, malformed, skipped }) {
        excuse(malformed, [topic]);
        for (const place of skipped.keys()) if (place.startsWith(`${topic}/`)) skipped.delete(place);
        await kafkaLog(system.kafka()).makeAnew([topic]);
        return { targets: [topic], outcome: "made anew" };
      },
    }),
  ),
];
