import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mode } from "../hooks/preload.ts";

/**
 * Every gap between two writes: the fault of torture that it belongs to, and how it is reached. A test at the root
 * compares this list with the sources.
 *
 * - load: clients submit and execute.
 * - exhausted: an attempt at a request that has failed too often.
 * - lost: the process of a run is killed.
 * - webhook: an outcome is delivered to a webhook; test/webhooks.test.ts.
 * - created: clients create requests with `execute` and an Idempotency-Key.
 * - removed: clients remove requests.
 */
export const failpoints: Record<
  string,
  { fault: string; met: "load" | "exhausted" | "lost" | "created" | "webhook" | "removed" }
> = {
  "gateway.accepted": { fault: "F2", met: "load" },
  "requests-service.stored": { fault: "F2", met: "load" },
  "requests-service.key-stored": { fault: "F2", met: "created" },
  "requests-service.request-stored": { fault: "F2", met: "created" },
  "requests-service.started": { fault: "F2", met: "created" },
  "requests-service.published": { fault: "F3", met: "load" },
  "requests-service.confirmed": { fault: "F3", met: "load" },
  "requests-service.refusal-stored": { fault: "F2", met: "exhausted" },
  "requests-service.refusal-published": { fault: "F3", met: "exhausted" },
  "requests-service.orphaned": { fault: "F4", met: "lost" },
  "requests-service.requeued": { fault: "F2", met: "lost" },
  "requests-service.delivery-due": { fault: "F2", met: "webhook" },
  "requests-service.delivery-created": { fault: "F2", met: "webhook" },
  "requests-service.removal-admitted": { fault: "F2", met: "removed" },
  "requests-service.results-removed": { fault: "F2", met: "removed" },
  "requests-service.request-removed": { fault: "F2", met: "removed" },
  "requests-service.executions-removed": { fault: "F2", met: "removed" },
  "requests-service.traces-removed": { fault: "F2", met: "removed" },
  "processor.enqueued": { fault: "F5", met: "load" },
  "processor.claimed": { fault: "F4", met: "load" },
  "processor.ended": { fault: "F5", met: "load" },
  "processor.finished": { fault: "F5", met: "load" },
  "processor.published": { fault: "F3", met: "load" },
  "results-listener.recorded": { fault: "F6", met: "load" },
  "results-listener.results-removed": { fault: "F6", met: "removed" },
  "sqlite.committed": { fault: "F22", met: "load" },
};

/**
 * Arms failpoints of running processes by files in `folder`, which src/hooks/preload.ts checks. Each fires once, in the
 * first process that reaches it.
 */
export function createFailpoints(folder: string) {
  mkdirSync(folder, { recursive: true });
  const firings = (name: string) => readdirSync(folder).filter((file) => file.startsWith(`${name}@`));
  return {
    environment: { SATE_FAILPOINTS: folder },
    arm(name: string, mode: Mode = "kill") {
      for (const file of firings(name)) rmSync(join(folder, file));
      writeFileSync(join(folder, `${name}.new`), mode);
      renameSync(join(folder, `${name}.new`), join(folder, name));
    },
    disarm: (name: string) => rmSync(join(folder, name), { force: true }),
    isArmed: (name: string) => existsSync(join(folder, name)),
    /** The pid of the process in which it has fired since it was armed. */
    firedIn: (name: string) => Number(firings(name)[0]?.slice(name.length + 1)),
  };
}

export type Failpoints = ReturnType<typeof createFailpoints>;
