import { expect, test } from "bun:test";
import { type Outcome, type RequestsApi, type Run, Unavailable } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createFinisher } from "../../src/outcomes/finish.ts";
import { turns } from "../eventually.ts";
import { fakeTime } from "../fakes/time.ts";

const outcome = { status: "succeeded", outputs_json: "{}" } as Outcome;
const ended = (name: string) => ({ run: { execution_id: name } as Run, workerId: "w", outcome });

/** `respond` is called before each response. */
function finisherOn(respond: (names: string[]) => Promise<void>, id = () => "w") {
  const batches: string[][] = [];
  const time = fakeTime();
  const finish: RequestsApi["finish"] = async ({ runs }) => {
    const names = runs.map(({ execution_id }) => execution_id);
    batches.push(names);
    await respond(names);
    return { answers: runs.map(() => ({ kind: "stored" })) };
  };
  const retryLater: RequestsApi["retryLater"] = async ({ runs }) => {
    const names = runs.map(({ execution_id, delay_ms }) => `${execution_id} in ${delay_ms}`);
    batches.push(names);
    await respond(names);
    return { answers: runs.map(() => ({ kind: "retrying" })) };
  };
  const ports = { requests: { finish, retryLater }, time, random: () => 0, counters: createCounters() };
  const log = createLog("processor", "error", () => {});
  return { finisher: createFinisher({ ...ports, log }, { id }), requests: ports.requests, batches, time };
}

const refuse = async () => {
  throw new Unavailable("no");
};

test("one call is in flight at a time, with all outcomes that arrived meanwhile", async () => {
  const first = Promise.withResolvers<void>();
  const { finisher, batches } = finisherOn(() => first.promise);
  const finishing = [finisher.finish(ended("a"))];
  await turns();
  finishing.push(...["b", "c", "d"].map((name) => finisher.finish(ended(name))));
  await turns();
  expect(batches).toEqual([["a"]]);
  first.resolve();
  expect(await Promise.all(finishing)).toEqual(["stored", "stored", "stored", "stored"]);
  expect(batches).toEqual([["a"], ["b", "c", "d"]]);
});

test("an outcome that is never accepted does not delay the others", async () => {
  const { finisher, batches, time } = finisherOn(async (names) => {
    if (names.includes("poison")) await refuse();
  });
  const results: string[] = [];
  for (const name of ["a", "poison", "b"]) {
    void finisher.finish(ended(name)).then((result) => results.push(`${name} ${result}`));
  }
  await time.advance(5_000);
  expect(results.sort()).toEqual(["a stored", "b stored"]);
  expect(batches.filter((batch) => batch.length > 1)).toHaveLength(3);
  finisher.close();
  await turns();
  expect(results).toContain("poison dropped");
});

test("a response with the wrong number of results counts as none", async () => {
  const { finisher, requests, batches, time } = finisherOn(async () => {});
  const { finish } = requests;
  requests.finish = async (body) => {
    const response = await finish(body);
    return batches.length === 1 ? { answers: [] } : response;
  };
  const finishing = finisher.finish(ended("a"));
  await time.advance(200);
  expect(await finishing).toBe("stored");
  expect(batches).toEqual([["a"], ["a"]]);
});

test("an outcome whose worker expires between attempts is dropped", async () => {
  let id = "w";
  const { finisher, batches, time } = finisherOn(refuse, () => id);
  const finishing = finisher.finish(ended("a"));
  await turns();
  id = "another";
  await time.advance(200);
  expect(await finishing).toBe("dropped");
  expect(batches).toEqual([["a"]]);
});

test("tries that will be retried are reported in the same way, in separate calls", async () => {
  let isLost = true;
  const { finisher, batches, time } = finisherOn(async () => {
    if (isLost) await refuse();
  });
  const error = { code: "busy", message: "Later." };
  const failed = (name: string) => ({ ...ended(name), pauseMs: 5, error });
  const reports = [finisher.retryLater(failed("a")), finisher.retryLater(failed("b"))];
  await turns();
  isLost = false;
  await time.advance(200);
  expect(await Promise.all(reports)).toEqual(["retrying", "retrying"]);
  expect(batches).toEqual([
    ["a in 5", "b in 5"],
    ["a in 5", "b in 5"],
  ]);
});
