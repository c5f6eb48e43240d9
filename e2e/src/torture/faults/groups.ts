import { groups, topics } from "@sate/contracts";
import { kafkaLog } from "../../system/kafka.ts";
import { isWithin } from "../../until.ts";
import { spare } from "../links.ts";
import { type Fault, type Nemesis, signal } from "./fault.ts";
import { recovered } from "./probe.ts";
import { consumed, excuse, publishMalformed } from "./records.ts";

/** In which all members have left, or are forgotten. */
const emptyMs = 60_000;
const refusedMs = 30_000;

/**
 * Does what can be done only while a group has no members: they leave it on SIGTERM and are held back, and those that
 * were killed before are forgotten when their session is over. `work` rejects until then; `after` is told whether it came
 * to that, while they are still away. Answers that, too.
 */
async function withoutMembers(
  { system }: Nemesis,
  group: string,
  work: () => Promise<void>,
  after: (isDone: boolean) => Promise<void> = async () => {},
): Promise<boolean> {
  const members = system.processes(group);
  system.holdBack([...spare, ...members.map(({ name }) => name)]);
  for (const { pid } of members) signal(pid, "SIGTERM");
  try {
    const isDone = await isWithin(emptyMs, async () => {
      await work();
      return true;
    });
    await after(isDone);
    return isDone;
  } finally {
    system.holdBack(spare);
  }
}

/** Sets what a group has committed; `meanwhile` comes before its members do. Answers whether it came to that. */
export function resetGroup(
  nemesis: Nemesis,
  group: string,
  how: "to the beginning" | "to the end" | "forgotten",
  meanwhile: () => Promise<void> = async () => {},
): Promise<boolean> {
  const log = kafkaLog(nemesis.system.kafka());
  const reset = () =>
    how === "forgotten" ? log.forget(group) : log.reset(group, how === "to the beginning");
  return withoutMembers(nemesis, group, reset, async (isDone) => {
    if (how === "to the end") {
      for (const { topic, partition, end } of await log.ends(group))
        nemesis.skipped.set(`${topic}/${partition}`, end);
    }
    if (isDone) await meanwhile();
  });
}

const both = [groups.processor, groups.resultsListener] as const;

/** Of a group in which a stranger is: whoever joins is refused, which is final for kafkajs, and ends its process. */
const intruded = both.map(
  (group): Fault => ({
    id: "F13",
    name: `a stranger with a protocol of its own in the group ${group}`,
    async run(nemesis) {
      const { system } = nemesis;
      const names = system.processes(group).map(({ name }) => name);
      const failures = () => names.flatMap((name) => system.ends(name)).filter((how) => how === "1").length;
      let before = 0;
      let leave = async () => {};
      const isIn = await withoutMembers(nemesis, group, async () => {
        leave = await kafkaLog(system.kafka()).intrude(group);
        before = failures();
      });
      if (!isIn) return { targets: [group], outcome: "the group was never empty", missed: true };
      const isRefused = await isWithin(refusedMs, () => failures() > before);
      await leave();
      const harm = await recovered(nemesis, [group]);
      return isRefused ? harm : { ...harm, broken: "nobody who was refused ended" };
    },
  }),
);

export const groupFaults: Fault[] = [
  ...both.flatMap((group) =>
    (["to the beginning", "to the end", "forgotten"] as const).map(
      (how): Fault => ({
        id: "F14",
        name: `the group ${group} set ${how}`,
        async run(nemesis) {
          const read = consumed.filter(
            (topic) => (topic === topics.executions) === (group === groups.processor),
          );
          if (how === "to the end") excuse(nemesis.malformed, read);
          // What comes while a group has committed nothing is read from the beginning all the same.
          const isDone = await resetGroup(nemesis, group, how, async () => {
            if (how === "forgotten") for (const topic of read) await publishMalformed(nemesis, topic);
          });
          return isDone
            ? { targets: [group], outcome: "done" }
            : { targets: [group], outcome: "the group was never empty", missed: true };
        },
      }),
    ),
  ),
  ...intruded,
];
