import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { receiverHost } from "../clients/receiver.ts";
import { trialLeaseMs } from "../runs/trials.ts";
import { type System, startSystem } from "../system/system.ts";
import { type Watch, watchProcesses } from "./evidence/watch.ts";
import { type Link, makeLinks, scale, spare } from "./links.ts";

export const leaseMs = trialLeaseMs;
export const maxFailures = 3;
export const concurrency = 12;
/** SHUTDOWN_SECONDS. The adapters of a listener need up to 9 s to close if no server responds. */
export const shutdownMs = (name: string) => (name.startsWith("results-listener") ? 10_000 : 5_000);

/** A running Sate with everything that faults need. */
export type TorturedSystem = System & {
  /** Holds back the named processes, and the spare ones unless `spares` says otherwise. All others are started again. */
  holdBack(names: string[], spares?: string[]): void;
  links: Link[];
  /** Addresses without proxies. */
  requestsDb: string;
  resultsDb: string;
  watch: Watch;
  /** Sets the wall clock of a process forward or back. It stays so when the process is started again. */
  setClock(name: string, offsetMs: number): void;
};

/** Starts it with a proxy in every link and a clock of its own for every process. */
export async function startTortured(kind: System["kind"], dataDir: string): Promise<TorturedSystem> {
  const { layout, links } = kind === "cluster" ? await makeLinks() : { layout: undefined, links: [] };
  const clocks = join(dataDir, "clocks");
  mkdirSync(clocks, { recursive: true });
  const close = async () => {
    for (const { proxy } of links) await proxy.close();
  };
  const system = await startSystem(kind, {
    dataDir,
    scale,
    ...(layout && { layout: { ...layout, down: spare } }),
    // The servers that are killed must be its own, whatever the environment names.
    inherited: { PATH: process.env.PATH, HOME: process.env.HOME },
    environmentOf: (name) => ({
      CLOCK_FILE: join(clocks, name),
      SHUTDOWN_SECONDS: String(shutdownMs(name) / 1_000),
    }),
    survives: true,
    settings: {
      LEASE_SECONDS: String(leaseMs / 1_000),
      MAX_FAILURES: String(maxFailures),
      MAX_LOST: "5",
      CONFIRM_SECONDS: "2",
      CONCURRENCY: String(concurrency),
      // Long enough for lost runs, so that only processors that declare a shorter timeout time out.
      EXECUTION_SECONDS: "600",
      PROCESSING_SECONDS: "0.05",
      LOG_LEVEL: "warn",
      SERVICE_TOKEN: "torture-token-of-the-services",
      WEBHOOK_ALLOW: receiverHost,
    },
  }).catch(async (error) => {
    await close();
    throw error;
  });
  const watch = watchProcesses(system.announced, dataDir);
  return {
    ...system,
    holdBack: (names: string[], spares: string[] = spare) => system.holdBack([...spares, ...names]),
    links,
    requestsDb: `mongodb://127.0.0.1:${layout?.ports["requests-db"]}/requests`,
    resultsDb: `mongodb://127.0.0.1:${layout?.ports["results-db"]}/results`,
    watch,
    setClock: (name, offsetMs) => writeFileSync(join(clocks, name), String(offsetMs)),
    async stop() {
      await system.stop();
      watch.stop();
      await close();
    },
  };
}
