import { expect, test } from "bun:test";
import { inTurn } from "../../src/runs/claim.ts";
import { newId } from "../builders.ts";
import { type Core, testCore } from "../core.ts";

async function queued(it: Core, processor: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await it.execution((await it.request({ processor })).id);
  }
}
async function claimed(it: Core, limit: number, room: Record<string, number>): Promise<string[]> {
  const processors = Object.entries(room).map(([name, own]) => ({ name, limit: own, timeout_seconds: 1 }));
  const claim = { worker_id: newId(), claim_id: newId(), limit, processors };
  return (await it.commands.claimAny(claim)).runs.map(({ processor }) => processor).toSorted();
}

test("claimAny takes from the processors in turn, up to the room for each", async () => {
  const it = testCore();
  await queued(it, "busy", 20);
  await queued(it, "rare", 3);
  await queued(it, "other", 3);
  expect(await claimed(it, 4, { busy: 10, rare: 10 })).toEqual(["busy", "busy", "rare", "rare"]);
  expect(await claimed(it, 6, { busy: 2, rare: 10 })).toEqual(["busy", "busy", "rare"]);
  expect(await claimed(it, 6, { busy: 0, rare: 10, absent: 3 })).toEqual([]);
  expect(await claimed(it, 6, {})).toEqual([]);
});

test("with room for one, every processor gets its turn", async () => {
  let place = 0;
  const it = testCore({ random: () => place });
  await queued(it, "a", 3);
  await queued(it, "b", 3);
  expect(await claimed(it, 1, { a: 1, b: 1 })).toEqual(["a"]);
  place = 0.5;
  expect(await claimed(it, 1, { a: 1, b: 1 })).toEqual(["b"]);
});

test.each([
  [[[1, 2, 3], [4], [5, 6]], 10, 0, [1, 4, 5, 2, 6, 3]],
  [[[1, 2, 3], [4], [5, 6]], 4, 2, [5, 1, 4, 6]],
  [[], 4, 0, []],
])("of the lists %j at most %d, from list %d on: %j", (lists, limit, first, taken) => {
  expect(inTurn(lists as number[][], limit, first)).toEqual(taken);
});

test("a claim sets the deadline from its processor; executions of other processors stay queued", async () => {
  const it = testCore();
  const [mine, theirs] = [await it.request({ processor: "mine" }), await it.request({ processor: "theirs" })];
  const executions = [await it.execution(mine.id), await it.execution(theirs.id)].map(
    ({ id, request_id, attempt }) => ({ request_id, attempt, execution_id: id }),
  );
  const processors = [{ name: "mine", limit: 0, timeout_seconds: 2 }];
  const claim = { worker_id: newId(), claim_id: newId(), executions, processors };
  const answer = await it.commands.claim(claim);
  expect(answer).toMatchObject({ runs: [{ processor: "mine", left_ms: 2_000 }], refused: 1, unknown: 0 });
  it.time.now += 1_500;
  expect((await it.commands.claim(claim)).runs).toMatchObject([{ epoch: 1, left_ms: 500 }]);
});
