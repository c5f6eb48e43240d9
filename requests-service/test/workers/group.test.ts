import { expect, test } from "bun:test";
import { newId } from "../builders.ts";
import { testCore } from "../core.ts";

/** Workers that register, and what they are told of their group. */
function givenWorkers() {
  const { commands, store } = testCore();
  async function differing(names: string[], group?: string, worker_id = newId()) {
    const processors = names.map((name) => ({ name, kind: "module" as const, timeout_seconds: 60 }));
    const registration = { worker_id, processors, ...(group !== undefined && { group }) };
    return (await commands.registerWorker(registration)).group_differs;
  }
  return { commands, store, differing };
}

test("a worker learns which processors it and another live worker of its group do not both serve", async () => {
  const { differing } = givenWorkers();
  const [first, second] = [newId(), newId()];
  expect(await differing(["a", "b"], "g", first)).toBeUndefined();
  expect(await differing(["b", "a"], "g", second)).toBeUndefined();
  expect(await differing(["c", "a"], "g", second)).toEqual(["b", "c"]);
  // The first does not serve c, and the second does not serve b.
  expect(await differing(["a", "b", "c"], "g")).toEqual(["b", "c"]);
});

test("the worker itself, other groups and workers without a group do not count", async () => {
  const { differing } = givenWorkers();
  await differing(["x"], "other");
  await differing(["y"]);
  const worker_id = newId();
  expect(await differing(["a"], "g", worker_id)).toBeUndefined();
  expect(await differing(["b"], "g", worker_id)).toBeUndefined();
  expect(await differing(["z"])).toBeUndefined();
});

test("workers that have ended or whose lease has expired do not count", async () => {
  const { commands, store, differing } = givenWorkers();
  const [ended, expired] = [newId(), newId()];
  await differing(["a"], "g", ended);
  await differing(["a"], "g", expired);
  await commands.endWorker({ worker_id: ended });
  await store.workers.expire(expired);
  expect(await differing(["b"], "g")).toBeUndefined();
});

test("at most 20 names are returned, in order", async () => {
  const { differing } = givenWorkers();
  const names = Array.from({ length: 30 }, (_, index) => `p${index + 10}`);
  await differing(names, "g");
  expect(await differing(["a"], "g")).toEqual(["a", ...names.slice(0, 19)]);
});
