import { expect, test } from "bun:test";
import { measure, startPlain } from "../src/measure.ts";

/** Speed comes from batches, and batches can be counted: no time is asserted here. */
test("with 64 executions in flight an execution costs few operations", async () => {
  const system = await startPlain(Bun.env.SYSTEM === "cluster" ? "cluster" : "standalone");
  try {
    await measure(system, 200);
    const { perExecution } = await measure(system, 2_000);
    expect(perExecution.sqlite_commits).toBeLessThanOrEqual(0.2);
    expect(perExecution.mongo_commands).toBeLessThanOrEqual(0.5);
    expect(perExecution.produce_requests).toBeLessThanOrEqual(0.3);
    const spent = (perExecution.sqlite_commits ?? 0) + (perExecution.mongo_commands ?? 0);
    expect(spent).toBeGreaterThan(0);
  } finally {
    await system.stop();
  }
}, 300_000);
