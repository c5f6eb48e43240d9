import { topics } from "@sate/contracts";
import { isServer } from "../../system/layout.ts";
import { invariant } from "../evidence/evidence.ts";
import { parsed } from "./runs.ts";

export const restMsMax = 120_000;
export const readyMsMax = 30_000;

/** What compose.yaml gives a service. */
const bytesMax = 512 * 2 ** 20;
const handlesMax = 1_000;
/** Until then the memory of a process may grow freely. */
const grownUpMs = 3 * 60_000;
const growth = { times: 1.5, bytes: 64 * 2 ** 20 };

/** Topics, liveness and hygiene. */
export const rest = [
  // To exit with 0, to be ready again in time, to be refused.
  invariant(0, "each fault went as promised", ({ broken, faultsDone }, violation) => {
    broken.forEach(violation);
    return faultsDone;
  }),

  invariant(12, "every consumed record is known or a dead letter", ({ dump, committed }, violation) => {
    const letters = new Set(dump.deadLetters.map(({ _id }) => _id.split("/").slice(0, 3).join("/")));
    committed.unknown.forEach(violation);
    const consumed = dump.records.filter(({ topic }) => topic !== topics.deadLetters);
    for (const { topic, partition, offset, value } of consumed) {
      const record = parsed(value);
      const id = record?.execution?.id ?? record?.id;
      const place = `${topic}/${partition}/${offset}`;
      // A record of an unknown execution is dropped, and counted.
      const isReadable = typeof id === "string" && /^[0-9a-f-]{36}$/.test(id);
      if (!isReadable && !letters.has(place)) violation(`${place} names no execution and is no dead letter`);
    }
    return [consumed.length, `${committed.looked} right after they were committed`];
  }),

  invariant(13, "nothing is left in the outbox", ({ dump }, violation) => {
    for (const { id, mark } of dump.executions) if (mark) violation(`execution ${id} has the mark ${mark}`);
    for (const { request_id } of dump.refusals)
      violation(`a refused attempt at ${request_id} is not published`);
    return dump.executions.length;
  }),

  invariant(14, "a replay of every topic changes nothing", ({ replay }, violation) => {
    replay.changes.forEach(violation);
    if (replay.runs > 0) violation(`the replay started ${replay.runs} runs`);
    return replay.wasDone ? 1 : 0;
  }),

  invariant(15, "malformed records are dead letters", ({ malformed, dump, lag }, violation) => {
    const kept = new Set(dump.deadLetters.map(({ value }) => value));
    const owed = malformed.filter(({ excused }) => !excused);
    for (const { topic, value } of owed) {
      if (!kept.has(value))
        violation(`a malformed record of ${topic} is no dead letter: ${value?.slice(0, 60)}`);
    }
    if (lag !== 0) violation(`the groups lag by ${lag} records`);
    return owed.length;
  }),

  invariant(16, "everything is at rest in time after the heal", ({ restMs, dump }, violation) => {
    if (restMs === null || restMs > restMsMax)
      violation(`not at rest within ${restMsMax / 1_000} s of the heal`);
    const note = restMs === null ? "never at rest" : `at rest after ${(restMs / 1_000).toFixed(1)} s`;
    return [dump.executions.length, note];
  }),

  invariant(17, "every process is ready in time after the heal", ({ stuck, counters }, violation) => {
    stuck.forEach(violation);
    return counters.heartbeats ?? 1;
  }),

  // It has no violations of its own: all other invariants held with these clocks.
  invariant(18, "wall clocks do not matter", ({ clocksSet }) => [clocksSet, `${clocksSet} set`]),

  invariant(19, "logs, responses, memory and processes are clean", (evidence, violation) => {
    const { logs, secrets, history, usage, orphans } = evidence;
    for (const { name, text } of logs) {
      if (/unhandled/i.test(text)) violation(`the log of ${name} contains something unhandled`);
      for (const secret of secrets)
        if (text.includes(secret)) violation(`the log of ${name} contains ${secret}`);
    }
    if (history.answers["500"]) violation(`${history.answers["500"]} responses were 500`);
    orphans.forEach(violation);
    const ours = usage.filter(({ name }) => !isServer(name));
    let peak = 0;
    for (const { name, pid, samples } of ours) {
      const most = Math.max(...samples.map(({ bytes }) => bytes));
      peak = Math.max(peak, most);
      if (most > bytesMax) violation(`${name} ${pid} had ${megabytes(most)} of memory`);
      const handles = Math.max(...samples.map((one) => one.handles));
      if (handles > handlesMax) violation(`${name} ${pid} had ${handles} open files`);
      const late = samples.filter(({ ageMs }) => ageMs > grownUpMs).map(({ bytes }) => bytes);
      const third = Math.floor(late.length / 3);
      if (third < 6) continue;
      const [early, last] = [median(late.slice(0, third)), median(late.slice(-third))];
      if (last > early * growth.times + growth.bytes)
        violation(`${name} ${pid} grew from ${megabytes(early)} to ${megabytes(last)}`);
    }
    return [logs.length + ours.length, `at most ${megabytes(peak)} in one process`];
  }),
];

const median = (all: number[]) => all.toSorted((a, b) => a - b)[all.length >> 1] ?? 0;
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
