import type { IncomingRecord, OutgoingRecord } from "@sate/contracts";
import { topics as names, readOutcome, Unavailable } from "@sate/contracts";
import { type Link, linked, type Weather } from "./network.ts";
import type { Owner, Simulation } from "./simulation.ts";

const partitionsCount = 2;
const pollMs = 2;
const retryMs = 100;

type Handle = (records: IncomingRecord[]) => Promise<void>;
type Member = {
  owner: Owner;
  handle: Handle;
  positions: Map<string, number>;
  isBusy: boolean;
  isPolling: boolean;
};
type Group = {
  name: string;
  topics: readonly string[];
  members: Member[];
  assignment: Map<string, Member>;
  generation: number;
  committed: Map<string, number>;
};

/** Called when a group has committed: these records are below its offset from now on. */
export type OnCommit = (group: string, records: IncomingRecord[]) => void;

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

  const tpsOf = (topic: string) =>
    Array.from({ length: partitionsCount }, (_, partition) => `${topic}/${partition}`);
  const logOf = (tp: string): IncomingRecord[] => {
    const log = logs.get(tp) ?? [];
    logs.set(tp, log);
    return log;
  };

  /** The record as it stands in the log, if it comes next. */
  function incoming({ topic, key, value, headers }: OutgoingRecord): IncomingRecord {
    const keyText = String(key ?? "");
    const partition = (keyText.charCodeAt(keyText.length - 1) || 0) % partitionsCount;
    return {
      topic,
      partition,
      offset: String(logOf(`${topic}/${partition}`).length),
      timestamp: String(Math.floor(simulation.now())),
      key: bytes(key),
      value: bytes(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    };
  }

  function append(outgoing: OutgoingRecord): IncomingRecord {
    const record = incoming(outgoing);
    const { topic, partition } = record;
    logOf(`${topic}/${partition}`).push(record);
    for (const group of groups.values())
      if (group.topics.includes(topic)) for (const one of group.members) poll(group, one);
    return record;
  }

  async function publish(records: OutgoingRecord[]): Promise<void> {
    const { random, odds } = weather;
    for (const record of records) {
      if (random.chance(odds.dropped)) {
        const isWakeUp = record.topic === names.executions;
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

  /** Soon, and only once however often it is asked for. */
  function poll(group: Group, member: Member, ms = pollMs): void {
    if (member.isBusy || member.isPolling || member.owner.isDead) return;
    member.isPolling = true;
    simulation.later(member.owner, ms, () => {
      member.isPolling = false;
      if (group.members.includes(member)) deliver(group, member);
    });
  }

  function deliver(group: Group, member: Member): void {
    const { random, odds } = weather;
    if (member.isBusy) return;
    const batch: IncomingRecord[] = [];
    const ends = new Map<string, number>();
    for (const [tp, owner] of group.assignment) {
      if (owner !== member) continue;
      const position = member.positions.get(tp) ?? group.committed.get(tp) ?? 0;
      const records = logOf(tp).slice(position, position + 1 + random.below(8));
      if (records.length === 0) continue;
      batch.push(...records);
      ends.set(tp, position + records.length);
      const old = random.chance(odds.doubled) ? random.of(logOf(tp).slice(0, position)) : undefined;
      if (old) batch.push(old);
    }
    if (batch.length === 0) return;
    if (random.chance(odds.doubled)) batch.reverse();
    member.isBusy = true;
    const { generation } = group;
    for (const [tp, end] of ends) member.positions.set(tp, end);
    member.handle(batch).then(
      () =>
        simulation.later(member.owner, random.between(0.2, 4), () => {
          // What could not be committed comes again.
          if (!commit(group, generation, ends)) member.positions.clear();
          member.isBusy = false;
          poll(group, member);
        }),
      () => {
        count("batches_refused");
        member.positions.clear();
        member.isBusy = false;
        poll(group, member, retryMs);
      },
    );
  }

  function commit(group: Group, generation: number, ends: Map<string, number>): boolean {
    const isRefused = generation !== group.generation;
    if (isRefused || weather.random.chance(weather.odds.lost)) {
      count(isRefused ? "commits_refused" : "commits_lost");
      return false;
    }
    for (const [tp, end] of ends) {
      const from = group.committed.get(tp) ?? 0;
      if (end <= from) continue;
      group.committed.set(tp, end);
      onCommit(group.name, logOf(tp).slice(from, end));
    }
    return true;
  }

  function rebalance(group: Group): void {
    group.generation++;
    group.assignment.clear();
    group.members = group.members.filter(({ owner }) => !owner.isDead);
    const awake = group.members.filter(({ owner }) => owner.frozenUntil <= simulation.now());
    if (group.members.some(({ isBusy }) => isBusy)) count("rebalances_while_busy");
    for (const tp of group.topics.flatMap(tpsOf)) {
      const member = weather.random.of(awake);
      if (member) group.assignment.set(tp, member);
    }
    for (const member of group.members) {
      member.positions.clear();
      poll(group, member);
    }
  }

  function groupOf(name: string, groupTopics: readonly string[]): Group {
    const group = groups.get(name) ?? {
      name,
      topics: groupTopics,
      members: [],
      assignment: new Map(),
      generation: 0,
      committed: new Map(),
    };
    groups.set(name, group);
    return group;
  }

  return {
    publisher: (link: Link) => ({
      ...linked({ publish, open: async () => {}, ping: async () => {} }, link),
      close: async () => {},
    }),

    consumer(owner: Owner, groupName: string, groupTopics: readonly string[]) {
      const group = groupOf(groupName, groupTopics);
      return {
        async start(handle: Handle): Promise<void> {
          group.members.push({ owner, handle, positions: new Map(), isBusy: false, isPolling: false });
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
    /** Partitions move; the dead and the frozen get none. */
    rebalanceAll(): void {
      for (const group of groups.values()) rebalance(group);
    },
    /** Every group begins again at its first record. */
    rewind(): void {
      for (const group of groups.values()) {
        for (const tp of group.committed.keys()) group.committed.set(tp, 0);
        rebalance(group);
      }
    },
    /** Every group goes on behind its last record: nobody of it hears what it has not heard yet. */
    skip(): void {
      for (const group of groups.values()) {
        for (const tp of group.topics.flatMap(tpsOf)) group.committed.set(tp, logOf(tp).length);
        rebalance(group);
      }
    },
    hasLag: (): boolean =>
      [...groups.values()].some((group) =>
        group.topics.flatMap(tpsOf).some((tp) => (group.committed.get(tp) ?? 0) < logOf(tp).length),
      ),
    /** For whoever asks why there is lag: who has which partition, and how far it is. */
    describe: (): string =>
      [...groups.values()]
        .flatMap((group) =>
          group.topics.flatMap(tpsOf).map((tp) => {
            const member = group.assignment.get(tp);
            const state = member
              ? `${member.owner.name}${member.isBusy ? ", busy" : ""}${member.isPolling ? ", polling" : ""}${member.owner.isDead ? ", dead" : ""}`
              : "nobody";
            return `${group.name} ${tp}: ${group.committed.get(tp) ?? 0} of ${logOf(tp).length}, ${state}`;
          }),
        )
        .join("\n"),
    read: (topic: string): IncomingRecord[] => tpsOf(topic).flatMap(logOf),
  };
}

export type Broker = ReturnType<typeof createBroker>;

function bytes(value: string | Uint8Array | null): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value) : value;
}
