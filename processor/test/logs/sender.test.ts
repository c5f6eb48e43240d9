import { afterEach, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import type { HandlerRun } from "../../src/ports.ts";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { endAll, type Options, startedAmongFakes } from "../fakes/processor.ts";
import { onlyDefault } from "../fakes/processors.ts";

afterEach(endAll);

const time = "2020-11-07T16:31:58.103Z";

/** A processor service that runs one execution, whose handler the test plays. */
async function running(options: Options = {}) {
  const among = await startedAmongFakes(options);
  const ref = await among.running();
  const run = among.held.runs[0] as HandlerRun;
  return { ...among, ref, run, log: () => among.requests.logOf(ref) };
}

test("the log of a run is stored with the next heartbeat, and the rest when the run ends", async () => {
  const { requests, run, ref, held, log, beaten } = await running({ config: { leaseMs: 2_000 } });
  run.log("one\ntw");
  await beaten(2);
  expect(log()).toBe(`${time} one\n`);
  run.log("o");
  held.end();
  await eventually(() => requests.get(ref).status === "succeeded", "it ends");
  await eventually(() => log() === `${time} one\n${time} two\n`, "all is stored");
});

test("a large log is sent at once, without waiting for a heartbeat", async () => {
  const { run, log } = await running();
  run.log(`${"x".repeat(1_000)}\n`.repeat(40));
  await eventually(() => log().length > 40_000, "it is stored");
});

test("chunks without a response are sent again, and stored once", async () => {
  const { requests, run, log, beaten } = await running({ config: { leaseMs: 2_000 } });
  requests.loseResponses("appendLogs", 1);
  run.log("one\n");
  await eventually(() => log() !== "", "it is sent");
  run.log("two\n");
  await beaten(2);
  await eventually(() => log() === `${time} one\n${time} two\n`, "both are stored");
});

test("a log delays neither its run nor the heartbeat, and is dropped a few seconds after the run", async () => {
  const { requests, run, ref, held, count, time, beaten, consumer } = await running({
    config: { leaseMs: 2_000 },
  });
  requests.loseResponses("appendLogs", 1_000);
  const release = requests.hold("appendLogs");
  run.log("one\n");
  held.end();
  await eventually(() => requests.get(ref).status === "succeeded", "it ends");
  await beaten(2);
  release();
  await eventually(() => count("log_chunks_unsent") > 0, "it is not stored");
  await time.advance(1_000);
  const next = requests.queue();
  await consumer.deliver([wakeUp(next)]);
  await eventually(() => held.active.length === 1, "the next one runs");
  for (let second = 0; second < 10; second++) {
    await time.advance(1_000);
    await beaten(1);
  }
  await eventually(() => count("logs_cut_short") === 1, "it is dropped");
}, 30_000);

test("a run that writes nothing costs no call", async () => {
  const { requests, ref, held, beaten } = await running({ config: { leaseMs: 2_000 } });
  await beaten(2);
  held.end();
  await eventually(() => requests.get(ref).status === "succeeded", "it ends");
  await turns();
  expect(requests.calls).not.toContain("appendLogs");
});

test("the runs of an expired worker keep their log", async () => {
  const { requests, run, ref, log, held } = await running({ config: { leaseMs: 1_000 } });
  run.log("before it was lost\n");
  requests.giveUp(requests.get(ref).workerId as string);
  await eventually(() => held.runs[0]?.signal.aborted === true, "it is aborted");
  await eventually(() => log() === `${time} before it was lost\n`, "its log is stored");
});

test("logs that are written before a stop are stored", async () => {
  const { run, log, stopped } = await running();
  run.log("one\n");
  await stopped();
  expect(log()).toBe(`${time} one\n`);
});

test("the chunks of many runs share their calls, within the limit of a batch", async () => {
  const runs = limits.batchItemsMax + 1;
  const served = onlyDefault(async ({ log }) => {
    log("one\n");
    return { kind: "succeeded", outputsJson: "1" };
  });
  const config = { concurrency: runs };
  const { requests, consumer } = await startedAmongFakes({ served, config });
  const refs = Array.from({ length: runs }, () => requests.queue());
  await consumer.deliver(refs.map(wakeUp));
  await eventually(() => refs.every((ref) => requests.logOf(ref) !== ""), "all logs are stored");
  expect(requests.calls.filter((name) => name === "appendLogs").length).toBeLessThan(10);
});

test("the heartbeat carries the latest progress, only when it has changed", async () => {
  const { requests, run, ref, beaten, held } = await running({ config: { leaseMs: 2_000 } });
  run.progress(0.2, "a");
  run.progress(0.5, "b");
  await beaten(2);
  expect(requests.get(ref).progress).toEqual({ fraction: 0.5, message: "b" });
  run.progress(0.5, "b");
  await beaten(2);
  expect(requests.progressReports).toBe(1);
  run.progress(7, `${"x".repeat(2_000)}\n`);
  await beaten(2);
  expect(requests.get(ref).progress).toEqual({ fraction: 1, message: "x".repeat(limits.lineCharsMax) });
  run.progress(Number.NaN);
  run.progress("0.3" as never);
  run.progress(0.7);
  held.end();
  await beaten(2);
  expect(requests.progressReports).toBe(2);
}, 30_000);

test("progress without a response is sent again", async () => {
  const { requests, run, ref, beaten } = await running({ config: { leaseMs: 2_000 } });
  requests.isAway = true;
  run.progress(0.5);
  await beaten(2);
  requests.isAway = false;
  await beaten(2);
  expect(requests.get(ref).progress).toEqual({ fraction: 0.5 });
});
