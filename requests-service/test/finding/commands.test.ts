import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { madeExecution, madeOutcome, madeRequest, newId } from "../builders.ts";
import { beforeNext, testCore } from "../core.ts";

test("a page of large payloads ends early, after at least one, and the next one continues there", async () => {
  const { commands, store } = testCore();
  const ids: string[] = [];
  for (let index = 0; index < 3; index++) ids.unshift(newId());
  const payload_json = JSON.stringify("x".repeat(limits.pageBytesMax * 0.6));
  await store.requests.insert(ids.map((id) => madeRequest({ id, payload_json })));
  const seen: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = await commands.listRequests({ limit: 2, ...(before && { before }) });
    expect(page.requests).toHaveLength(1);
    seen.push(...page.requests.map(({ id }) => id));
    expect(page.more).toBe(page.next !== undefined);
    before = page.next;
    if (!page.more) break;
  }
  expect(seen).toEqual(ids);
});

test("removed requests are left out of lists", async () => {
  const { commands, store } = testCore();
  const request = madeRequest();
  await store.requests.insert([request]);
  const { newest } = store.requests;
  store.requests.newest = async (ids, bytesMax) => {
    const within = await newest(ids, bytesMax);
    return { ...within, found: new Map([[request.id, { ...request, removed_at: 1 }]]) };
  };
  expect(await commands.listRequests({ limit: 2 })).toEqual({ requests: [], more: false });
});

test("executions of Sate's own processors are hidden and never cancelled unless their processor is asked for", async () => {
  const { commands, store } = testCore();
  const own = madeExecution({ processor: "sate:webhook" });
  await store.executions.insert([own, madeExecution()]);
  const find = async (filter: object) =>
    (await commands.findExecutions({ filter, limit: 9 })).executions.length;
  expect([await find({}), await find({ processor: "sate:webhook" })]).toEqual([1, 1]);
  const call = { filter: {}, limit: 9, dry_run: true };
  expect(await commands.cancelMatching(call)).toMatchObject({ matched: 1 });
});

test("an execution that is claimed while it is cancelled in bulk is asked to stop; one that ends is reported", async () => {
  const { commands, store, execution, worker, run, stored } = testCore();
  const worker_id = await worker();
  const [claimed, ended, waiting] = [await execution(), await execution(), await execution()];
  const running = await run(worker_id, ended);
  beforeNext(store.waiting, "end", () => run(worker_id, claimed));
  beforeNext(store.executions, "requestCancel", async () => {
    await commands.finish({ runs: [{ ...running, outcome: madeOutcome() }] });
  });
  const answer = await commands.cancelMatching({ filter: {}, limit: 10, dry_run: false });
  const { request_id } = running;
  expect(answer).toEqual({
    ...{ matched: 3, cancelled: 2 },
    ended: [{ request_id, execution_id: running.execution_id }],
  });
  expect(await stored(claimed)).toMatchObject({ status: "running", cancel_requested: true });
  expect(await stored(waiting)).toMatchObject({ status: "cancelled", mark: "outcome" });
  expect((await stored(ended)).status).toBe("succeeded");
});

test("of bulk cancellations at the same instant each counts all, and every execution has one outcome", async () => {
  const { commands, store, execution, outbox, publisher, stored } = testCore();
  const executions = [];
  for (let count = 0; count < 20; count++) executions.push(await execution());
  const call = { filter: {}, limit: 500, dry_run: false };
  const answers = await Promise.all(Array.from({ length: 5 }, () => commands.cancelMatching(call)));
  for (const { matched, cancelled } of answers) expect(cancelled).toBe(matched);
  expect(answers[0]).toMatchObject({ matched: 20, cancelled: 20, ended: [] });
  for (const one of executions) expect((await stored(one)).status).toBe("cancelled");
  publisher.release();
  await outbox.flush();
  expect(await store.outbox.marked({ limit: 100 })).toEqual([]);
});
