import { groups, topics } from "@sate/contracts";
import { kafkaLog, type Outgoing } from "../kafka.ts";
import type { Announced } from "../system.ts";
import { until } from "../until.ts";
import { type Fault, type Nemesis, signal } from "./fault.ts";

/** Malformed records, each told from all others by its mark. */
export function malformedRecords(mark: string): Outgoing[] {
  const headers = { "x-torture": mark };
  const of = (value: string | Buffer, more: Record<string, string> = {}): Outgoing => ({
    key: mark,
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

const outcomes: string[] = [topics.successful, topics.failed];
const consumed = [topics.executions, topics.successful, topics.failed];

/**
 * Offsets of a group can be set only while it has no members: they leave it on SIGTERM, their successors are frozen as
 * they come, before they can join, and those that were killed before are forgotten when their session is over.
 */
export async function resetGroup(
  { system }: Nemesis,
  group: string,
  earliest: boolean,
  only?: string[],
): Promise<boolean> {
  const log = kafkaLog(system.kafka);
  const before = system.processes(group);
  const isNew = ({ name, pid }: Announced) => before.some((one) => one.name === name && one.pid !== pid);
  for (const { pid } of before) signal(pid, "SIGTERM");
  const frozen = new Set<number>();
  const freezer = setInterval(() => {
    for (const { pid } of system.processes(group).filter(isNew)) {
      if (!frozen.has(pid) && signal(pid, "SIGSTOP")) frozen.add(pid);
    }
  }, 5);
  try {
    return await until(60_000, async () => {
      await log.reset(group, earliest, only);
      return true;
    });
  } finally {
    clearInterval(freezer);
    for (const pid of frozen) signal(pid, "SIGCONT");
  }
}

export const recordFaults: Fault[] = [
  {
    id: "F15",
    name: "malformed records on every topic",
    async run({ store, malformed, random }) {
      for (const topic of consumed) {
        const records = malformedRecords(`m${random.between(1, 2 ** 31)}-${topic}`);
        await store.publish(topic, records);
        for (const { value, headers } of records) {
          malformed.push({ topic, value: value?.toString("base64") ?? null, headers, excused: false });
        }
      }
      return { targets: consumed, outcome: "published" };
    },
  },
  {
    id: "F14",
    name: "every record once more",
    async run({ system, store }) {
      const log = kafkaLog(system.kafka);
      let count = 0;
      for (const topic of consumed) {
        const records = (await log.read(topic)).slice(-3_000).filter(({ headers }) => !headers["x-torture"]);
        await store.publish(
          topic,
          records.map(({ key, bytes, headers }) => ({ key, value: bytes, headers })),
        );
        count += records.length;
      }
      return { targets: consumed, outcome: `${count} records` };
    },
  },
  {
    id: "F14",
    name: "the executions topic deleted and made anew",
    async run({ system, malformed }) {
      for (const one of malformed) one.excused ||= one.topic === topics.executions;
      await kafkaLog(system.kafka).makeAnew(topics.executions);
      return { targets: [topics.executions], outcome: "made anew" };
    },
  },
  {
    id: "F14",
    name: "the topics of successes and failures deleted and made anew",
    async run({ system, malformed }) {
      for (const one of malformed) one.excused ||= outcomes.includes(one.topic);
      const log = kafkaLog(system.kafka);
      for (const topic of outcomes) await log.makeAnew(topic);
      return { targets: outcomes, outcome: "made anew" };
    },
  },
  {
    id: "F14",
    name: "the processors' group reset to its beginning, or skipped to the end",
    async run(nemesis) {
      const earliest = nemesis.random.next() < 0.5;
      if (!earliest) for (const one of nemesis.malformed) one.excused ||= one.topic === topics.executions;
      const isDone = await resetGroup(nemesis, groups.processor, earliest);
      return {
        targets: [groups.processor],
        outcome: `${earliest ? "reset" : "skipped"}: ${isDone ? "done" : "the group was never empty"}`,
      };
    },
  },
  {
    id: "F14",
    name: "the listeners' group reset to its beginning, or skipped to the end of successes and failures",
    async run(nemesis) {
      const earliest = nemesis.random.next() < 0.5;
      // Dead letters of refused attempts stand for nothing in the database, so none of them may be skipped.
      const skipped = earliest ? undefined : outcomes;
      for (const one of nemesis.malformed) one.excused ||= skipped?.includes(one.topic) ?? false;
      const isDone = await resetGroup(nemesis, groups.resultsListener, earliest, skipped);
      return {
        targets: [groups.resultsListener],
        outcome: `${earliest ? "reset" : "skipped"}: ${isDone ? "done" : "the group was never empty"}`,
      };
    },
  },
];
