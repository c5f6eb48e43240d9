import { expect, test } from "bun:test";
import { limits, type Run } from "@sate/contracts";
import { newId } from "../builders.ts";
import { type Core, testCore, wanted } from "../core.ts";

const idsOf = ({ runs }: { runs: Run[] }) => runs.map(({ execution_id }) => execution_id);
async function queued(it: Core, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index++) ids.push((await it.execution()).id);
  return ids;
}

test("a claim returns everything that a run needs", async () => {
  const { commands, request } = testCore();
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const { id, payload_json } = await request({ payload_json: '{"2":1e400,"1":"\\ud800"}', processor: "p" });
  const execution = wanted(id, { force_error: true, traceparent });
  await commands.createExecutions({ executions: [execution] });
  const executions = [{ request_id: id, attempt: 1, execution_id: execution.id }];
  const { runs } = await commands.claim({ worker_id: newId(), claim_id: newId(), executions });
  expect(runs).toEqual([
    {
      ...{ request_id: id, attempt: 1, execution_id: execution.id, epoch: 1 },
      ...{ force_error: true, traceparent, payload_json, processor: "p", try: 1, left_ms: 300_000 },
      creation_date: "1970-01-01 00:00:00.000000",
    },
  ]);
});

test("a claim returns at most limits.claimBytesMax of payloads; the other executions stay queued", async () => {
  const { commands, store, requeueRuns, request, execution } = testCore();
  const payload_json = `"${"x".repeat(limits.bodyBytesCeiling - 2)}"`;
  const fit = limits.claimBytesMax / limits.bodyBytesCeiling;
  const executions = [];
  for (let number = 0; number < fit + 3; number++) {
    const { id, request_id, attempt } = await execution((await request({ payload_json })).id);
    executions.push({ request_id, attempt, execution_id: id });
  }
  const worker_id = newId();
  const claim = { worker_id, claim_id: newId(), executions };
  const answer = await commands.claim(claim);
  expect([answer.runs.length, answer.refused, answer.unknown, answer.left]).toEqual([fit, 0, 0, 3]);
  // Its response was lost: the repetition brings the same, and claims nothing besides.
  expect(await commands.claim(claim)).toEqual(answer);
  const rest = await commands.claimAny({ worker_id, claim_id: newId(), limit: limits.claimMax });
  expect([rest.runs.length, rest.left]).toEqual([3, 0]);
  expect(new Set([...idsOf(answer), ...idsOf(rest)]).size).toBe(fit + 3);
  expect(rest.runs.every((run) => run.epoch === 1 && run.payload_json === payload_json)).toBe(true);

  await requeueRuns(await store.runs.running({ worker_id, limit: 100 }), false);
  const any = { worker_id, claim_id: newId(), limit: limits.claimMax };
  const first = await commands.claimAny(any);
  expect([first.runs.length, first.left]).toEqual([fit, 3]);
  expect(idsOf(await commands.claimAny(any))).toEqual(idsOf(first));
});

test("a claim of anything takes neighbours from a random place of the queue's head", async () => {
  let place = 0;
  const it = testCore({ random: () => place });
  const ids = await queued(it, 10);
  const any = async () => {
    const claimed = await it.commands.claimAny({ worker_id: newId(), claim_id: newId(), limit: 2 });
    return idsOf(claimed).toSorted();
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
  const it = testCore({ random: Math.random });
  const ids = await queued(it, 40);
  const got: string[] = [];
  while (got.length < ids.length) {
    const claims = Array.from({ length: 5 }, () => ({ worker_id: newId(), claim_id: newId(), limit: 4 }));
    const claimed = await Promise.all(claims.map((claim) => it.commands.claimAny(claim)));
    got.push(...claimed.flatMap(idsOf));
  }
  expect(got.toSorted()).toEqual(ids.toSorted());
});
