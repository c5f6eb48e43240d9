import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { createLog } from "@sate/contracts/runtime";
import { until } from "../../../contracts/test/until.ts";
import { createMoveSource } from "../../src/move/source.ts";
import { readMove } from "../../src/move/state.ts";
import { dataFolders } from "../data-folders.ts";
import { fileWithTables } from "./file.ts";

const newFolder = dataFolders();

/** A source whose drain does `work`, and the move that it has begun. */
async function begun(work: () => Promise<void>, stopping = new AbortController()) {
  const lines: string[] = [];
  const file = await fileWithTables(newFolder());
  const { move } = createMoveSource({
    ...{ file, log: createLog("standalone", "error", (line) => lines.push(line)) },
    ...{ clock: Date.now, newId: () => crypto.randomUUID(), stopping: stopping.signal },
    drain: work,
    requeue: async () => {},
    stopServices: async () => {},
  });
  const { id } = await move.begin();
  const seal = (target = "mongodb://new/requests") => move.seal({ id, target });
  return { move, file, lines, seal };
}

test("a drain that fails, for example because the disk is full, is retried, and then the data is sealed", async () => {
  let calls = 0;
  const { move, file, lines, seal } = await begun(async () => {
    if (calls++ === 0) throw new Unavailable("The database could not commit.");
  });
  expect(await seal()).toBe(true);
  await until("it is sealed", () => move.state().phase === "sealed");
  expect(calls).toBe(2);
  expect(lines).toEqual([expect.stringContaining("could not seal the data; retrying")]);
  file.close();
});

test("a drain that fails because the process stops is neither retried nor reported", async () => {
  const stopping = new AbortController();
  let calls = 0;
  const { move, file, lines, seal } = await begun(async () => {
    calls++;
    stopping.abort();
    throw new Unavailable("The database is closed.");
  }, stopping);
  await seal();
  await new Promise((resolve) => setImmediate(resolve));
  expect({ calls, lines, phase: move.state().phase }).toEqual({ calls: 1, lines: [], phase: "draining" });
  file.close();
});

test("sealed data that is moved to different databases names those", async () => {
  const { move, file, seal } = await begun(async () => {});
  await seal();
  await until("it is sealed", () => move.state().phase === "sealed");
  const before = readMove(file.db);
  expect(await seal("mongodb://other/requests")).toBe(true);
  expect(readMove(file.db)).toEqual({ ...before, target: "mongodb://other/requests" } as never);
  file.close();
});
