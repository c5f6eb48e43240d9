import { expect, test } from "bun:test";
import { type FinishedRun, type Outcome, type Run, Unavailable } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createFinisher } from "../../src/outcomes/finish.ts";
import { turns } from "../eventually.ts";
import { fakeTime } from "../fakes/time.ts";

const outcome = { status: "succeeded", outputs_json: "{}" } as Outcome;
const ended = (name: string) => ({ run: { execution_id: name } as Run, workerId: "w", outcome });

function finisherOn(finish: (runs: FinishedRun[]) => Promise<void>, id = () => "w") {
  const batches: string[][] = [];
  const time = fakeTime();
  const finisher = createFinisher(
    {
      requests: {
        async finish({ runs }) {
          batches.push(runs.map(({ execution_id }) => execution_id));
          await finish(runs);
          return { answers: runs.map(() => ({ kind: "stored" })) };
        },
      },
      time,
      random: () => 0,
      counters: createCounters(),
      log: createLog("processor", "error", () => {}),
    },
    { id },
  );
  return { finisher, batches, time };
}

test("one call is under way at a time, with all outcomes that have gathered", async () => {
  const first = Promise.withResolvers<void>();
  const { finisher, batches } = finisherOn(() => first.promise);
  const finishing = ["a", "b", "c", "d"].map((name) => ended(name));
  const answers = [finisher.finish(finishing[0] as never)];
  await turns();
  for (const one of finishing.slice(1)) answers.push(finisher.finish(one));
  await turns();
  expect(batches).toEqual([["a"]]);
  first.resolve();
  expect(await Promise.all(answers)).toEqual(["stored", "stored", "stored", "stored"]);
  expect(batches).toEqual([["a"], ["b", "c", "d"]]);
});

test("an outcome that is never accepted does not delay the others", async () => {
  const { finisher, batches, time } = finisherOn(async (runs) => {
    if (runs.some(({ execution_id }) => execution_id === "poison")) throw new Unavailable("no");
  });
  const answers: string[] = [];
  for (const name of ["a", "poison", "b"]) {
    void finisher.finish(ended(name)).then((answer) => answers.push(`${name} ${answer}`));
  }
  await time.advance(5_000);
  expect(answers.sort()).toEqual(["a stored", "b stored"]);
  expect(batches.filter((batch) => batch.length > 1)).toHaveLength(3);
  finisher.close();
  await turns();
  expect(answers).toContain("poison dropped");
});

test("a response with the wrong number of results counts as none", async () => {
  const time = fakeTime();
  let calls = 0;
  const finisher = createFinisher(
    {
      requests: { finish: async () => ({ answers: ++calls === 1 ? [] : [{ kind: "stored" }] }) },
      time,
      random: () => 0,
      counters: createCounters(),
      log: createLog("processor", "error", () => {}),
    },
    { id: () => "w" },
  );
  const finishing = finisher.finish(ended("a"));
  await time.advance(200);
  expect(await finishing).toBe("stored");
  expect(calls).toBe(2);
});

test("an outcome whose worker expires between attempts is dropped", async () => {
  let id = "w";
  const { finisher, batches, time } = finisherOn(
    async () => {
      throw new Unavailable("no");
    },
    () => id,
  );
  const finishing = finisher.finish(ended("a"));
  await turns();
  id = "another";
  await time.advance(200);
  expect(await finishing).toBe("dropped");
  expect(batches).toEqual([["a"]]);
});
