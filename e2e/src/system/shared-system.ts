import { afterAll } from "bun:test";
import { type Client, createClient } from "../clients/client.ts";
import { canary } from "../clients/hostile-rows.ts";
import { receiverHost } from "../clients/receiver.ts";
import { type System, startSystem } from "./system.ts";

type Shared = { system: System; client: Client };

let shared: Promise<Shared> | null = null;

/**
 * The system that all scenarios of a run share, with the data of earlier ones: started at first use, stopped after the
 * last test. `SYSTEM` is `standalone` (default) or `cluster`.
 */
export function sharedSystem(): Promise<Shared> {
  shared ??= start();
  return shared;
}

async function start(): Promise<Shared> {
  const kind = Bun.env.SYSTEM ?? "standalone";
  if (kind !== "standalone" && kind !== "cluster") throw new Error("SYSTEM must be standalone or cluster");
  const settings = {
    LEASE_SECONDS: "5",
    MAX_FAILURES: "3",
    // The kills of the scenarios may hit the same execution several times.
    MAX_LOST: "100",
    CONFIRM_SECONDS: "2",
    PROCESSING_SECONDS: "0.05",
    LOG_LEVEL: "error",
    SERVICE_TOKEN: "e2e-token-of-the-services",
    WEBHOOK_ALLOW: receiverHost,
    // The hosts of hostile clients. Without API keys all others are refused.
    ALLOWED_HOSTS: `sate.example,${canary}.example`,
  };
  // The second set of processors serves the examples, in a group of its own.
  const scale = { "requests-service": 2, processor: 3, "processor-examples": 1, "results-listener": 2 };
  const secondSet = { COMPOSE_PROFILES: "examples" };
  const system = await startSystem(kind, { settings: { ...settings, ...secondSet }, scale });
  return { system, client: createClient(system.url) };
}

// Hooks time out after five seconds by default. While another cluster runs on the machine, a stop takes longer.
afterAll(async () => {
  await shared?.then(({ system }) => system.stop());
}, 120_000);
