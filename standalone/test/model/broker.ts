import type { IncomingRecord, OutgoingRecord } from "@sate/contracts";
import { readOutcome, topics, Unavailable } from "@sate/contracts";
import { incomingOf } from "../../src/broker/broker.ts";
import { type Link, linked, type Weather } from "./network.ts";
import type { Owner, Simulation } from "./simulation.ts";

const partitionsCount = 2;
const pollMs = 2;
const retryMs = 100;

type Handle = (records: IncomingRecord[]) => Promise<void>;
type Member = { owner: Owner; handle: Handle; positions: Map<string, number>; isBusy: boolean };
type Group = {
  name: string;
  /** Its partitions, each named by topic and number. */
  partitions: string[];
  members: Member[];
  assignment: Map<string, Member>;
  generation: number;
  committed: Map<string, number>;
};

/** Called when a group has committed: these records are below its offset from now on. */
export type OnCommit = (group: string, records: IncomingRecord[]) => void;

const partitionsOf = (topic: string) =>
  Array.from({ length: partitionsCount }, (_, partition) => `${topic}/${partition}`);

/**
 * A broker as Kafka behaves at its worst: at least once, with groups whose partitions move at any moment.
 * It doubles and reorders what it hands out, refuses commits of members that are out of date, and loses
 * wake-ups and outcomes that it has acknowledged, at once or when a group is skipped to the end. What it always
 * keeps are dead letters that stand for nothing in the database: these have no second source.
 */
export function createBroker(parts: {
  simulation: Simulation;
  weather: Weather;
  onCommit: OnCommit;
  count: (name: string) => void;
}) {
  const { simulation, weather, onCommit, count } = parts;
  const logs = new Map<string, IncomingRecord[]>();
  const groups = new Map<string, Group>();

  function logOf(partition: string): IncomingRecord[] {
    const log = logs.get(partition) ?? [];
    logs.set(partition, log);
    return log;
  }

  /** The record as it stands in the log, if it comes next. */
  function incoming(record: OutgoingRecord): IncomingRecord {
    const partition = (String(record.key ?? "").at(-1) ?? "\0").charCodeAt(0) % partitionsCount;
    const offset = String(logOf(`${record.topic}/${partition}`).length);
    return incomingOf(record, { partition, offset, timestamp: String(Math.floor(simulation.now())) });
  }

  function append(outgoing: OutgoingRecord): void {
    const record = incoming(outgoing);
    const partition = `${record.topic}/${record.partition}`;
    logOf(partition).push(record);
    for (const group of groups.values())
      if (group.partitions.includes(partition)) for (const member of group.members) poll(group, member);
  }

  async function publish(records: OutgoingRecord[]): Promise<void> {
    const { random, odds } = weather;
    for (const record of records) {
      if (random.chance(odds.dropped)) {
        const isWakeUp = record.topic === topics.executions;
        if (isWakeUp || readOutcome(incoming(record)).kind === "read") {
          count(isWakeUp ? "wake_ups_lost" : "outcomes_lost");
          continue;
        }
      }
      append(record);
      if (random.chance(odds.doubled)) append(record);
      // All or nothing is not promised.
      if (random.chance(odds.failed)) throw new Unavailable("half");
    }
  }

  /** Delivers soon, unless the member is busy or about to be called anyway. */
  function poll(group: Group, member: Member, ms = pollMs): void {
    if (member.isBusy || member.owner.isDead) return;
    member.isBusy = true;
    simulation.later(member.owner, ms, () => {
      member.isBusy = false;
      if (group.members.includes(member)) deliver(group, member);
    });
  }

  function deliver(group: Group, member: Member): void {
    const { random, odds } = weather;
    const batch: IncomingRecord[] = [];
    const ends = new Map<string, number>();
    for (const [partition, owner] of group.assignment) {
      if (owner !== member) continue;
      const position = member.positions.get(partition) ?? group.committed.get(partition) ?? 0;
      const records = logOf(partition).slice(position, position + 1 + random.below(8));
      if (records.length === 0) continue;
      batch.push(...records);
      ends.set(partition, position + records.length);
      const old = random.chance(odds.doubled) ? random.of(logOf(partition).slice(0, position)) : undefined;
      if (old) batch.push(old);
    }
    if (batch.length === 0) return;
    if (random.chance(odds.doubled)) batch.reverse();
    member.isBusy = true;
    const { generation } = group;
    for (const [partition, end] of ends) member.positions.set(partition, end);
    const pollAgain = (isCommitted: boolean, ms?: number) => {
      // What is not committed is delivered again.
      if (!isCommitted) member.positions.clear();
      member.isBusy = false;
      poll(group, member, ms);
    };
    member.handle(batch).then(
      () =>
        simulation.later(member.owner, random.between(0.2, 4), () =>
          pollAgain(commit(group, generation, ends)),
        ),
      () => {
        count("batches_refused");
        pollAgain(false, retryMs);
      },
    );
  }

  function commit(group: Group, generation: number, ends: Map<string, number>): boolean {
    const isRefused = generation !== group.generation;
    if (isRefused || weather.random.chance(weather.odds.lost)) {
      count(isRefused ? "commits_refused" : "commits_lost");
      return false;
    }
    for (const [partition, end] of ends) {
      const from = group.committed.get(partition) ?? 0;
      if (end <= from) continue;
      group.committed.set(partition, end);
      onCommit(group.name, logOf(partition).slice(from, end));
    }
    return true;
  }

  /** Partitions move; the dead and the frozen get none. */
  function rebalance(group: Group): void {
    group.generation++;
    group.assignment.clear();
    group.members = group.members.filter(({ owner }) => !owner.isDead);
    const awake = group.members.filter(({ owner }) => owner.frozenUntil <= simulation.now());
    for (const partition of group.partitions) {
      const member = weather.random.of(awake);
      if (member) group.assignment.set(partition, member);
    }
    for (const member of group.members) {
      member.positions.clear();
      poll(group, member);
    }
  }

  /** Every group continues at this position of each of its partitions. */
  function moveTo(position: (partition: string) => number): void {
    for (const group of groups.values()) {
      for (const partition of group.partitions) group.committed.set(partition, position(partition));
      rebalance(group);
    }
  }

  return {
    publisher: (link: Link) => ({
      ...linked({ publish, open: async () => {}, ping: async () => {} }, link),
      close: async () => {},
    }),

    consumer(owner: Owner, name: string, groupTopics: readonly string[]) {
      const group: Group = groups.get(name) ?? {
        name,
        partitions: groupTopics.flatMap(partitionsOf),
        members: [],
        assignment: new Map(),
        generation: 0,
        committed: new Map(),
      };
      groups.set(name, group);
      return {
        async start(handle: Handle): Promise<void> {
          group.members.push({ owner, handle, positions: new Map(), isBusy: false });
          rebalance(group);
        },
        async stop(): Promise<void> {
          group.members = group.members.filter((member) => member.owner !== owner);
          rebalance(group);
        },
        notReadyReason: () => null,
      };
    },

    append,
    rebalanceAll: () => groups.forEach(rebalance),
    /** Every group begins again at its first record. */
    rewind: () => moveTo(() => 0),
    /** Every group continues after its last record: what it has not read yet is lost to it. */
    skip: () => moveTo((partition) => logOf(partition).length),
    hasLag: (): boolean =>
      [...groups.values()].some(({ partitions, committed }) =>
        partitions.some((partition) => (committed.get(partition) ?? 0) < logOf(partition).length),
      ),
    read: (topic: string): IncomingRecord[] => partitionsOf(topic).flatMap(logOf),
  };
}

export type Broker = ReturnType<typeof createBroker>;
