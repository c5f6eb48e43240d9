import { afterAll } from "bun:test";
import { canary } from "./hostile-rows.ts";
import { type System, startSystem } from "./system.ts";

/**
 * The one system that all scenarios of a run share, with whatever the earlier ones left in it: started at
 * first use, stopped after the last test. `SYSTEM` says which: `standalone` (default) or `cluster`.
 */
let system: Promise<System> | null = null;

/** What its services know each other by. */
export const sharedToken = "e2e-token-of-the-services";

export function sharedSystem(): Promise<System> {
  system ??= startSystem(kind(), {
    LEASE_SECONDS: "5",
    MAX_FAILURES: "3",
    // The kills of the scenarios may well hit the same execution several times.
    MAX_LOST: "100",
    CONFIRM_SECONDS: "2",
    PROCESSING_SECONDS: "0.05",
    LOG_LEVEL: "error",
    SERVICE_TOKEN: sharedToken,
    // The names that the hostile clients use; others are refused without API keys.
    ALLOWED_HOSTS: `sate.example,${canary}.example,a,ab,abc`,
    SCALE: "requests-service=2 processor=3 results-listener=2",
  });
  return system;
}

function kind(): System["kind"] {
  const name = Bun.env.SYSTEM ?? "standalone";
  if (name === "standalone" || name === "cluster") return name;
  throw new Error("SYSTEM must be standalone or cluster");
}

afterAll(async () => {
  if (system) await (await system).stop();
});
