import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withRunLog } from "../../src/handlers/run-log.ts";
import type { HandlerRun } from "../../src/ports.ts";

const run = { executionId: "e", requestId: "r", epoch: 2, workerId: "w" } as HandlerRun;

test("a line for each start and each end, also of a handler that throws; the start before the handler", async () => {
  const folder = mkdtempSync(join(tmpdir(), "run-log-"));
  const path = join(folder, "runs.log");
  try {
    const lines = () =>
      readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
    const handlers = withRunLog(
      {
        async default() {
          expect(lines()).toHaveLength(1);
          return { kind: "succeeded", outputsJson: "1" };
        },
        async broken() {
          throw new Error("broken");
        },
      },
      path,
    );
    expect(await handlers.default?.(run)).toEqual({ kind: "succeeded", outputsJson: "1" });
    await expect(handlers.broken?.(run)).rejects.toThrow("broken");
    expect(lines().map(({ event }) => event)).toEqual(["start", "end", "start", "end"]);
    expect(lines()[0]).toEqual({
      event: "start",
      execution_id: "e",
      request_id: "r",
      epoch: 2,
      worker_id: "w",
      pid: process.pid,
      monotonic_ns: expect.stringMatching(/^\d+$/),
    });
    // Of the machine, not of this process, which is younger than that.
    expect(Number(lines()[0].monotonic_ns)).toBeGreaterThan(Number(process.hrtime.bigint()));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a start that cannot be written down keeps its handler from running", async () => {
  let isRun = false;
  const handlers = withRunLog(
    {
      async default() {
        isRun = true;
        return { kind: "succeeded", outputsJson: "1" };
      },
    },
    "/nowhere/runs.log",
  );
  await expect(handlers.default?.(run)).rejects.toThrow();
  expect(isRun).toBe(false);
});
