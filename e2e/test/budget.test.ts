import { expect, test } from "bun:test";
import { measure } from "../src/measure.ts";
import { startSystem } from "../src/system/system.ts";

/** Speed is bought with batches, and batches can be counted: no time is asserted here. */
test("with 64 executions in flight an execution costs few operations", async () => {
  const token = "budget-token-of-the-services";
  const settings = { PROCESSING_SECONDS: "0", CONCURRENCY: "64", LOG_LEVEL: "error", SERVICE_TOKEN: token };
  const kind = Bun.env.SYSTEM === "cluster" ? "cluster" : "standalone";
  const system = await startSystem(kind, { settings, isPlain: true });
  try {
    await measure(system, { executions: 200, inFlight: 64, token });
    const { perExecution } = await measure(system, { executions: 2_000, inFlight: 64, token });
    expect(perExecution.sqlite_commits).toBeLessThanOrEqual(0.2);
    expect(perExecution.mongo_commands).toBeLessThanOrEqual(0.5);
    expect(perExecution.produce_requests).toBeLessThanOrEqual(0.3);
    const spent = (perExecution.sqlite_commits ?? 0) + (perExecution.mongo_commands ?? 0);
    expect(spent).toBeGreaterThan(0);
  } finally {
    await system.stop();
  }
}, 300_000);
