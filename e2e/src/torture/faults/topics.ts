import { groups, topics } from "@sate/contracts";
import { kafkaLog } from "../../system/kafka.ts";
import { signal } from "../../system/processes.ts";
import type { TopicRecord } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import type { Malformed } from "../evidence/evidence.ts";
import { skipOldTopic, skipToEnd } from "../evidence/skipped.ts";
import { type Fault, fault, type Nemesis, namesOf } from "./fault.ts";
import { recovered } from "./probe.ts";

/** Until all members of a group have left it, or their sessions have expired. */
const emptyMs = 60_000;
const refusedMs = 30_000;
/** Within this time a malformed record must have been read. */
const readMs = 60_000;
/** Of each partition. */
const redelivered = 500;

/** All topics but the dead letters, which are the only place of what was malformed. */
const consumed = [topics.executions, topics.successful, topics.failed];
const both = [groups.processor, groups.resultsListener] as const;
const readBy = (group: string) =>
  consumed.filter((topic) => (topic === topics.executions) === (group === groups.processor));

/** Malformed records, all of them with `mark`, which distinguishes them from all others. */
function malformedRecords(mark: string): TopicRecord[] {
  const of = (value: string | Buffer, headers: Record<string, string> = {}): TopicRecord => ({
    key: Buffer.from(mark),
    value: Buffer.from(value),
    headers: { "x-torture": mark, ...headers },
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

async function publishMalformed({ system, malformed, random }: Nemesis, topic: string): Promise<void> {
  const records = malformedRecords(`m${random.between(1, 2 ** 31)}-${topic}`);
  await kafkaLog(system.kafka()).publish(topic, records);
  const at = performance.now();
  for (const { value } of records)
    malformed.push({ topic, at, value: value?.toString("base64") ?? null, excused: false });
}

/** Malformed records that were published only just now may be lost with their topics. */
function excuse(malformed: Malformed[], lost: readonly string[]): void {
  const now = performance.now();
  for (const one of malformed) one.excused ||= lost.includes(one.topic) && now - one.at < readMs;
}

/**
 * Does what can be done only while a group has no members: SIGTERM makes them leave, they are held back, and the sessions
 * of killed ones expire. `work` rejects until then. `after` runs while they are still away. Returns whether `work` has
 * succeeded.
 */
async function withoutMembers(
  { system }: Nemesis,
  group: string,
  work: () => Promise<void>,
  after: (isDone: boolean) => Promise<void> = async () => {},
): Promise<boolean> {
  const members = system.processes(group);
  system.holdBack(namesOf(members));
  for (const { pid } of members) signal(pid, "SIGTERM");
  try {
    const isDone = await isWithin(emptyMs, () => work().then(() => true));
    await after(isDone);
    return isDone;
  } finally {
    system.holdBack([]);
  }
}

/** Changes what a group has committed. `meanwhile` runs before its members return. Returns whether it was possible. */
export function resetGroup(
  nemesis: Nemesis,
  group: string,
  how: "to the beginning" | "to the end" | "forgotten",
  meanwhile: () => Promise<void> = async () => {},
): Promise<boolean> {
  const log = kafkaLog(nemesis.system.kafka());
  const reset = () => {
    if (how === "forgotten") return log.forget(group);
    if (how === "to the beginning") return log.reset(group, true);
    return log.reset(group, false, (ends) => skipToEnd(nemesis.skipped, ends));
  };
  return withoutMembers(nemesis, group, reset, async (isDone) => {
    if (isDone) await meanwhile();
  });
}

const reset = (group: string, how: Parameters<typeof resetGroup>[2]) =>
  fault("F14", `the group ${group} set ${how}`, async (nemesis) => {
    const read = readBy(group);
    // Without committed offsets, processors start at the end of the topic, since the database knows what is queued, and
    // listeners at the beginning.
    const isSkipped = how === "to the end" || (how === "forgotten" && group === groups.processor);
    if (isSkipped) excuse(nemesis.malformed, read);
    const isDone = await resetGroup(nemesis, group, how, async () => {
      if (how === "forgotten" && !isSkipped) for (const topic of read) await publishMalformed(nemesis, topic);
    });
    if (!isDone) throw new Error("the group was never empty");
    // What is published before the processors are back is skipped, too.
    return isSkipped ? recovered(nemesis, [group]) : { targets: [group], outcome: "done" };
  });

/** The broker refuses everyone who joins a group with a foreign member. kafkajs does not retry: the process ends. */
const intruded = (group: string) =>
  fault("F13", `a foreign consumer with a protocol of its own in the group ${group}`, async (nemesis) => {
    const { system } = nemesis;
    const names = namesOf(system.processes(group));
    const failures = () => names.flatMap(system.ends).filter((how) => how === "1").length;
    let before = 0;
    let leave = async () => {};
    const isIn = await withoutMembers(nemesis, group, async () => {
      leave = await kafkaLog(system.kafka()).intrude(group);
      before = failures();
    });
    if (!isIn) throw new Error("the group was never empty");
    const isRefused = await isWithin(refusedMs, () => failures() > before);
    await leave();
    const harm = await recovered(nemesis, [group]);
    return isRefused ? harm : { ...harm, broken: "no process that was refused ended" };
  });

const recreated = (topic: (typeof consumed)[number]) =>
  fault("F14", `${topic} deleted and recreated`, async ({ system, malformed, skipped }) => {
    excuse(malformed, [topic]);
    const log = kafkaLog(system.kafka());
    skipOldTopic(
      skipped,
      (await log.positions()).filter((one) => one.topic === topic),
    );
    await log.recreate([topic]);
    return { targets: [topic], outcome: "recreated" };
  });

export const topicFaults: Fault[] = [
  fault("F15", "malformed records on every topic", async (nemesis) => {
    for (const topic of consumed) await publishMalformed(nemesis, topic);
    return { targets: consumed, outcome: "published" };
  }),
  fault("F14", "every record redelivered", async ({ system }) => {
    const log = kafkaLog(system.kafka());
    let count = 0;
    for (const topic of consumed) {
      const records = (await log.read(topic, redelivered)).filter(({ headers }) => !headers["x-torture"]);
      await log.publish(topic, records);
      count += records.length;
    }
    return { targets: consumed, outcome: `${count} records` };
  }),
  ...consumed.map(recreated),
  ...both.flatMap((group) =>
    (["to the beginning", "to the end", "forgotten"] as const).map((how) => reset(group, how)),
  ),
  ...both.map(intruded),
];
