import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { trialHandlers } from "../../src/handlers/trial.ts";
import type { HandlerRun } from "../../src/ports.ts";
import { systemTime } from "../../src/time.ts";

const handlers = trialHandlers({ leaseMs: 20, time: systemTime });
const run = (name: string, more: Partial<HandlerRun> = {}) =>
  handlers[name]?.({
    payloadJson: '{"a":1.0}',
    requestId: "r",
    executionId: "e",
    epoch: 2,
    attempt: 1,
    forceError: false,
    workerId: "w",
    deadlineMs: 1_000,
    signal: new AbortController().signal,
    ...more,
  });

test("they tell what they saw of the payload, byte for byte", async () => {
  const sha256 = createHash("sha256").update('{"a":1.0}').digest("hex");
  for (const name of ["trial-fast", "trial-slow", "trial-exit", "trial-deaf"]) {
    expect(await run(name)).toEqual({ kind: "succeeded", outputsJson: JSON.stringify({ sha256 }) });
  }
});

test("they fail as their names say", async () => {
  expect((await run("trial-flaky", { attempt: 2 }))?.kind).toBe("failed");
  expect((await run("trial-flaky", { attempt: 3 }))?.kind).toBe("succeeded");
  expect((await run("trial-failing"))?.kind).toBe("failed");
  expect(run("trial-throwing")).rejects.toThrow(TypeError);
  const aborted = new AbortController();
  const hanging = run("trial-hanging", { signal: aborted.signal });
  aborted.abort();
  expect((await hanging)?.kind).toBe("failed");
});
