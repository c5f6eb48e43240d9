import { describe, expect, test } from "bun:test";
import { limits, type Run } from "@sate/contracts";
import { unconfirmedMark } from "../../src/executions/execution.ts";
import { madeOutcome, newId } from "../builders.ts";
import { wanted } from "../core.ts";
import { testService } from "../service.ts";

const idsOf = ({ runs }: { runs: Run[] }) => runs.map(({ execution_id }) => execution_id);

describe("runs", () => {
  test("a claim returns everything that a run needs, and counts the refused and the unknown", async () => {
    const { core, api } = testService();
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const request = await core.request({ payload_json: '{"2":1e400,"1":"\\ud800"}', processor: "p" });
    const execution = wanted(request.id, { force_error: true, traceparent });
    await api.createExecutions({ executions: [execution] });
    const taken = await core.run(await core.worker());
    const executions = [
      { request_id: request.id, attempt: 1, execution_id: execution.id },
      { request_id: taken.request_id, attempt: 1, execution_id: taken.execution_id },
      { request_id: newId(), attempt: 1, execution_id: newId() },
    ];
    const claim = { worker_id: await core.worker(), claim_id: newId(), executions };
    const answer = await api.claim(claim);
    expect(answer).toMatchObject({ refused: 1, unknown: 1 });
    expect(answer.runs).toEqual([
      {
        ...{ request_id: request.id, attempt: 1, execution_id: execution.id, epoch: 1 },
        ...{ force_error: true, traceparent, payload_json: request.payload_json, processor: "p" },
        creation_date: "1970-01-01 00:00:00.000000",
      },
    ]);
    expect(await api.claim(claim)).toEqual(answer);
  });

  test("a claim returns at most limits.claimBytesMax of payloads; the other executions stay queued", async () => {
    const { core, api } = testService();
    const payload_json = `"${"x".repeat(limits.bodyBytesCeiling - 2)}"`;
    const fit = limits.claimBytesMax / limits.bodyBytesCeiling;
    const executions = [];
    for (let number = 0; number < fit + 3; number++) {
      const { id, request_id, attempt } = await core.execution((await core.request({ payload_json })).id);
      executions.push({ request_id, attempt, execution_id: id });
    }
    const worker_id = await core.worker();
    const claim = { worker_id, claim_id: newId(), executions };
    const answer = await api.claim(claim);
    expect([answer.runs.length, answer.refused, answer.unknown, answer.left]).toEqual([fit, 0, 0, 3]);
    // Its answer was lost: the repetition brings the same, and claims nothing besides.
    expect(await api.claim(claim)).toEqual(answer);
    const rest = await api.claimAny({ worker_id, claim_id: newId(), limit: limits.claimMax });
    expect([rest.runs.length, rest.left]).toEqual([3, 0]);
    expect(new Set([...idsOf(answer), ...idsOf(rest)]).size).toBe(fit + 3);
    expect(rest.runs.every((run) => run.epoch === 1 && run.payload_json === payload_json)).toBe(true);

    await core.requeueRuns(await core.store.runs.running({ worker_id, limit: 100 }), false);
    const any = { worker_id, claim_id: newId(), limit: limits.claimMax };
    const first = await api.claimAny(any);
    expect([first.runs.length, first.left]).toEqual([fit, 3]);
    expect(idsOf(await api.claimAny(any))).toEqual(idsOf(first));
  });

  test("a claim of anything takes neighbours from a random place of the queue's head", async () => {
    let place = 0;
    const { core, api, created } = testService({ random: () => place });
    const ids: string[] = [];
    for (let index = 0; index < 10; index++) ids.push((await created((await core.request()).id)).id);
    const any = async () => {
      const ask = { worker_id: await core.worker(), claim_id: newId(), limit: 2 };
      return idsOf(await api.claimAny(ask)).toSorted();
    };
    place = 0.999; // of the first eight
    expect(await any()).toEqual(ids.slice(6, 8));
    place = 0;
    expect(await any()).toEqual(ids.slice(0, 2));
    place = 0.5;
    for (let left = 6; left > 0; left -= 2) expect(await any()).toHaveLength(2);
    expect(await any()).toEqual([]);
  });

  test("processors that claim anything at once share the queue, each execution once", async () => {
    const { core, api, created } = testService({ random: Math.random });
    const ids: string[] = [];
    for (let index = 0; index < 40; index++) ids.push((await created((await core.request()).id)).id);
    const got: string[] = [];
    while (got.length < ids.length) {
      const asks = Array.from({ length: 5 }, () => ({ worker_id: newId(), claim_id: newId(), limit: 4 }));
      const answers = await Promise.all(asks.map((ask) => api.claimAny(ask)));
      got.push(...answers.flatMap(idsOf));
    }
    expect(got.toSorted()).toEqual(ids.toSorted());
  });

  test("a heartbeat returns the runs in the database, not those of the claims", async () => {
    const { core, api } = testService();
    const worker_id = await core.worker();
    const runs = [await core.run(worker_id), await core.run(worker_id)];
    const { execution_id, request_id, attempt, epoch } = runs[1] as Run;
    await api.handBack({ runs: [runs[0] as Run] });
    expect(await api.heartbeat({ worker_id })).toEqual({
      kind: "alive",
      runs: [{ execution_id, request_id, attempt, epoch, cancel: false }],
    });
    expect(await api.heartbeat({ worker_id: newId() })).toEqual({ kind: "given_up" });
  });

  test("finishes are counted, stored and refused", async () => {
    const { core, api } = testService();
    const run = await core.run(await core.worker());
    const finished = { ...run, outcome: madeOutcome() };
    const runs = [{ ...finished, epoch: 2 }, finished, finished, { ...finished, request_id: newId() }];
    const { answers } = await api.finish({ runs });
    expect(answers.map(({ kind }) => kind)).toEqual(["refused", "stored", "stored", "unknown"]);
    expect(core.counters.read()).toMatchObject({ finishes_stored: 2, finishes_refused: 2 });
  });

  test("markPublished clears exactly the mark that it names", async () => {
    const { core, api } = testService();
    const run = await core.run(await core.worker());
    await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    const { request_id, attempt } = run;
    await api.markPublished({ published: [{ request_id, attempt, mark: "execution:0" }] });
    expect((await core.stored(run)).mark).toBe("outcome");
    await api.markPublished({ published: [{ request_id, attempt, mark: "outcome" }] });
    expect((await core.stored(run)).mark).toBe(unconfirmedMark);
  });
});
