import { describe, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import type { Recorded } from "../../src/ports.ts";
import { createWatch } from "../../src/watch/watch.ts";
import { fakeRequests } from "../fakes/requests.ts";
import { fakeResults, result } from "../fakes/results.ts";
import { fakeTime } from "../support/fake-time.ts";

function testWatch() {
  const time = fakeTime();
  const requests = fakeRequests();
  const results = fakeResults();
  const failures: unknown[] = [];
  const listeners: ((recorded: Recorded) => void)[] = [];
  const watch = createWatch({
    ...{ ...time, requests: requests.api, results: results.api },
    onFailure: (error) => void failures.push(error),
    onRecorded: (listener) => void listeners.push(listener),
  });
  /** A watched execution, and what its client has seen. */
  async function watched() {
    const ref = await requests.queue();
    const { states } = await requests.api.executionStates({ refs: [ref] });
    const [execution] = states;
    if (!execution) throw new Error("it is not stored");
    const seen: string[] = [];
    const look = () => {
      const { execution: now, isRecorded, isGone } = client.seen();
      seen.push(
        isGone ? "gone" : isRecorded ? "recorded" : `${now.status} ${now.progress?.fraction ?? ""}`.trim(),
      );
    };
    const client = watch.watch(execution, look);
    const { request_id, execution_id } = ref;
    const record = () => void results.records.push(result(request_id, 1, { execution_id }));
    return { ref, execution, seen, client, record };
  }
  const calls = () => ({
    states: requests.calls.executionStates ?? 0,
    recorded: results.calls.resultsRecorded ?? 0,
  });
  return {
    time,
    requests,
    results,
    failures,
    watch,
    watched,
    calls,
    hint: (recorded: Recorded) => listeners[0]?.(recorded),
  };
}

test("every change is reported once: the status, the progress, and that the result is recorded", async () => {
  const { time, requests, watched } = testWatch();
  const { ref, seen, record } = await watched();
  await time.advance(100);
  expect(seen).toEqual([]);
  requests.become(ref.request_id, "running", { epoch: 1 });
  await time.advance(100);
  requests.become(ref.request_id, "running", { progress: { fraction: 0.5 } });
  await time.advance(600);
  requests.become(ref.request_id, "succeeded");
  await time.advance(600);
  expect(seen).toEqual(["running", "running 0.5", "succeeded 0.5"]);
  record();
  await time.advance(100);
  expect(seen.slice(3)).toEqual(["recorded"]);
});

test("after the end nothing is polled", async () => {
  const { time, requests, watched, calls } = testWatch();
  const { ref, record } = await watched();
  requests.become(ref.request_id, "failed");
  record();
  await time.advance(30);
  const before = calls();
  expect(before.recorded).toBe(1);
  await time.advance(10_000);
  expect([calls(), time.timers()]).toEqual([before, 0]);
});

test("it is polled every 25 ms for a second, every 100 ms until ten seconds, then every 500 ms, and faster again after a change", async () => {
  const { time, requests, watched, calls } = testWatch();
  const { ref } = await watched();
  const callsIn = async (ms: number) => {
    const before = calls().states;
    await time.advance(ms);
    return calls().states - before;
  };
  // 10 s at the pace of 100 ms end with the first one of 500 ms.
  expect([await callsIn(1_000), await callsIn(9_000), await callsIn(10_000)]).toEqual([40, 90, 20]);
  requests.become(ref.request_id, "running", { epoch: 1 });
  await time.advance(500);
  expect(await callsIn(900)).toBe(36);
});

test("1,000 watched executions cost one call, however many clients watch them, and one more two", async () => {
  const { time, requests, watched, watch, calls } = testWatch();
  const all = [];
  for (let count = 0; count < 1_000; count++) all.push(await watched());
  for (const { execution } of all) watch.watch(execution, () => {});
  const before = requests.calls.executionStates ?? 0;
  await time.advance(25);
  expect([watch.size(), calls().states - before]).toEqual([1_000, 1]);
  await watched();
  const after = requests.calls.executionStates ?? 0;
  await time.advance(25);
  expect(calls().states - after).toBe(2);
});

test("clients of one execution come and go on their own; the last one ends the poll", async () => {
  const { time, requests, watched, watch } = testWatch();
  const { ref, execution, seen, client } = await watched();
  let changes = 0;
  const other = watch.watch(execution, () => changes++);
  other.stop();
  requests.become(ref.request_id, "running");
  await time.advance(100);
  expect([seen, changes]).toEqual([["running"], 0]);
  client.stop();
  client.stop();
  expect([watch.size(), time.timers()]).toEqual([0, 0]);
});

test("a client that joins is shown at least what it has read itself", async () => {
  const { time, requests, watched, watch } = testWatch();
  const { ref, execution } = await watched();
  await time.advance(20_000);
  requests.become(ref.request_id, "running", { epoch: 1 });
  const joined = watch.watch({ ...execution, status: "running", epoch: 1 }, () => {});
  expect(joined.seen().execution.status).toBe("running");
  requests.become(ref.request_id, "succeeded");
  await time.advance(60);
  // A state that was read before the end.
  const late = watch.watch({ ...execution, status: "running", epoch: 1 }, () => {});
  expect(late.seen().execution.status).toBe("succeeded");
});

test("an execution that was removed is gone", async () => {
  const { time, requests, watched } = testWatch();
  const { execution, seen } = await watched();
  Object.assign(requests.api, { executionStates: async () => ({ states: [null] }) });
  await time.advance(100);
  expect([execution.status, seen, time.timers()]).toEqual(["queued", ["gone"], 0]);
});

describe("when a result is recorded in the same process", () => {
  test("its clients get it at once, without waiting for the next poll", async () => {
    const { time, requests, watched, hint } = testWatch();
    const { ref, seen, record } = await watched();
    await time.advance(20_000);
    requests.become(ref.request_id, "succeeded");
    record();
    hint([{ execution_id: Bun.randomUUIDv7() }, ref]);
    await time.advance(0);
    expect(seen).toEqual(["succeeded", "recorded"]);
  });

  test("the wake-up alone proves nothing", async () => {
    const { time, watched, hint } = testWatch();
    const { ref, seen } = await watched();
    hint([ref]);
    await time.advance(1_000);
    expect(seen).toEqual([]);
  });
});

test("while one service does not respond, what is polled at the other is not delayed", async () => {
  const { time, requests, results, failures, watched } = testWatch();
  const [waiting, other] = [await watched(), await watched()];
  results.control.before = () => new Promise(() => {});
  requests.become(waiting.ref.request_id, "succeeded");
  await time.advance(100);
  requests.become(other.ref.request_id, "running");
  await time.advance(100);
  expect([waiting.seen, other.seen, failures]).toEqual([["succeeded"], ["running"], []]);
});

test("a service that is away for a while costs nothing but time", async () => {
  const { time, requests, failures, watched } = testWatch();
  const { ref, seen, record } = await watched();
  requests.control.before = () => Promise.reject(new Unavailable("no response"));
  await time.advance(60_000);
  expect(failures.length).toBeLessThan(20);
  requests.control.before = () => {};
  requests.become(ref.request_id, "succeeded");
  record();
  await time.advance(6_000);
  expect(seen).toEqual(["succeeded", "recorded"]);
});
