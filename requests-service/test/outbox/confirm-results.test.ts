import { expect, test } from "bun:test";
import { outcomeMark, type Run, topics, Unavailable } from "@sate/contracts";
import { unconfirmedMark } from "../../src/executions/execution.ts";
import { createConfirmRecorded } from "../../src/outbox/confirm-recorded.ts";
import { createLookForResults } from "../../src/outbox/confirm-results.ts";
import { sqliteFile } from "../adapters/sqlite/file.ts";
import { madeOutcome } from "../builders.ts";
import { type Core, openedStore, testCore } from "../core.ts";

const { signal } = new AbortController();
const look = (it: Core) => it.look(signal);

/** Runs that have ended and that their processor has published; the records may be lost. */
async function published(it: Core, count: number): Promise<Run[]> {
  const worker = await it.worker();
  const runs: Run[] = [];
  for (let index = 0; index < count; index++) runs.push(await it.run(worker));
  await it.commands.finish({ runs: runs.map((run) => ({ ...run, outcome: madeOutcome() })) });
  await it.commands.markPublished({ published: runs.map((run) => ({ ...run, mark: outcomeMark })) });
  return runs;
}
const markOf = async (it: Core, run: Run) => (await it.stored(run)).mark;
const outcomeKeys = ({ publisher }: Core) =>
  publisher.records.flatMap(({ topic, key }) => (topic === topics.executions ? [] : [key]));
const outcomes = (it: Core) => outcomeKeys(it).length;

/** What the sweeps of the outbox do between two looks. */
async function sweepOutbox({ outbox }: Core): Promise<void> {
  await outbox.sweep();
  await outbox.sweep();
  await outbox.flush();
}

test("a recorded result is confirmed by the first look, and never looked for again", async () => {
  const it = testCore();
  const runs = await published(it, 3);
  expect(await markOf(it, runs[0] as Run)).toBe(unconfirmedMark);
  for (const run of runs) it.results.record(run);
  await look(it);
  for (const run of runs) expect(await markOf(it, run)).toBeUndefined();
  await look(it);
  await sweepOutbox(it);
  expect([it.results.asked, outcomes(it)]).toEqual([[3], 0]);
  expect(it.counters.read().results_confirmed).toBe(3);
});

/** An outcome that is first seen in the next look, and has its result by then. */
async function overtake(it: Core): Promise<void> {
  const [run] = (await published(it, 1)) as [Run];
  it.results.record(run);
}

test("an overtaken outcome is published again, but not before the second look", async () => {
  const it = testCore();
  const [there, missing] = (await published(it, 2)) as [Run, Run];
  it.results.record(there);
  await look(it);
  await sweepOutbox(it);
  expect([await markOf(it, missing), outcomes(it)]).toEqual([unconfirmedMark, 0]);
  await overtake(it);
  await look(it);
  expect(await markOf(it, missing)).toBe(outcomeMark);
  await sweepOutbox(it);
  expect([await markOf(it, missing), outcomeKeys(it)]).toEqual([unconfirmedMark, [missing.request_id]]);
  it.results.record(missing);
  await look(it);
  expect(await markOf(it, missing)).toBeUndefined();
});

test("while no results are recorded an outcome is published less and less often, but always again", async () => {
  const it = testCore();
  const [run] = (await published(it, 1)) as [Run];
  const at: number[] = [];
  for (let looks = 1; looks <= 64; looks++) {
    const before = outcomes(it);
    await look(it);
    await sweepOutbox(it);
    if (outcomes(it) > before) at.push(looks);
  }
  expect(at).toEqual([8, 16, 32, 64]);
  expect(it.counters.read().outcomes_published_again).toBe(4);
  it.results.record(run);
  await look(it);
  expect(await markOf(it, run)).toBeUndefined();
});

test("a listener that lags causes no publishing: nothing has overtaken what it has not read yet", async () => {
  const it = testCore();
  const waiting: Run[] = [];
  for (let looks = 0; looks < 20; looks++) {
    waiting.push(...(await published(it, 1)));
    // Read in order, two looks late.
    if (looks > 1) it.results.record(waiting.shift() as Run);
    await look(it);
    await sweepOutbox(it);
  }
  expect([outcomes(it), it.counters.read().results_confirmed]).toEqual([0, 18]);
});

test("looks that fail because results-service is away do not count", async () => {
  const it = testCore();
  const [run] = (await published(it, 1)) as [Run];
  it.results.isAway = true;
  for (let looks = 0; looks < 5; looks++) await expect(look(it)).rejects.toThrow(Unavailable);
  it.results.isAway = false;
  await look(it);
  expect(await markOf(it, run)).toBe(unconfirmedMark);
  await overtake(it);
  await look(it);
  expect(await markOf(it, run)).toBe(outcomeMark);
});

test("a response without a result for each execution is rejected", async () => {
  const it = testCore();
  const [run] = (await published(it, 1)) as [Run];
  it.results.resultsRecorded = async () => ({ recorded: [true, true] });
  await expect(look(it)).rejects.toThrow(Unavailable);
  expect(await markOf(it, run)).toBe(unconfirmedMark);
});

test("a mark that changes during the look is not overwritten", async () => {
  const it = testCore();
  const [first, second] = (await published(it, 2)) as [Run, Run];
  await look(it);
  const { resultsRecorded } = it.results;
  it.results.resultsRecorded = async (body) => {
    const answer = await resultsRecorded(body);
    // Another process has found the one recorded a moment later, and publishes the other again.
    await it.store.confirmations.confirm([{ request_id: first.request_id, attempt: first.attempt }]);
    await it.store.confirmations.publishAgain([{ request_id: second.request_id, attempt: second.attempt }]);
    return answer;
  };
  it.results.record(second);
  await overtake(it);
  await look(it);
  expect([await markOf(it, first), await markOf(it, second)]).toEqual([undefined, outcomeMark]);
  await sweepOutbox(it);
  it.results.resultsRecorded = resultsRecorded;
  await look(it);
  expect(await markOf(it, second)).toBeUndefined();
});

test("each page of a look costs one call and one write", async () => {
  const file = sqliteFile();
  const it = testCore({ store: openedStore(file) });
  const runs = await published(it, 1_100);
  for (const [index, run] of runs.entries()) if (index % 10) it.results.record(run);
  const before = file.commits();
  await look(it);
  expect(it.results.asked).toEqual([1_000, 100]);
  expect(file.commits() - before).toBe(2);
  await overtake(it);
  await look(it);
  await sweepOutbox(it);
  expect(outcomes(it)).toBe(110);
  expect(it.counters.read().results_confirmed).toBe(991);
});

test("a look ends early when the service stops", async () => {
  const it = testCore();
  await published(it, 1_100);
  await it.look(AbortSignal.abort());
  expect(it.results.asked).toEqual([1_000]);
});

test("two processes publish and confirm a missing outcome once", async () => {
  const it = testCore();
  const other = createLookForResults(it.ports, createConfirmRecorded(it.ports, it.webhooks));
  const runs = await published(it, 5);
  for (let looks = 0; looks < 8; looks++) await Promise.all([look(it), other(signal)]);
  await sweepOutbox(it);
  expect(outcomes(it)).toBe(5);
  for (const run of runs) it.results.record(run);
  await Promise.all([look(it), other(signal)]);
  for (const run of runs) expect(await markOf(it, run)).toBeUndefined();
});
