import { errorFields, retentionPauseMs } from "@sate/contracts/runtime";
import type { ConfirmRecorded } from "../outbox/confirm-recorded.ts";
import type { Ports } from "../ports.ts";
import { createAdmitRemovals } from "./admit.ts";
import { removalCommands } from "./commands.ts";
import { createRemoving } from "./complete.ts";
import { createRetention } from "./retention.ts";
import { createRemovalSweep } from "./sweep.ts";

/** How long the content of ended executions, and whole requests, are kept; 0 is for ever. */
export type Kept = { executionsKeptMs: number; requestsKeptMs: number };

const removalSweepMs = 10_000;

/** Removal of requests on demand and by age: the commands, and the sweeps, which are to be run periodically. */
export function createRemovals(ports: Ports, confirmRecorded: ConfirmRecorded, kept: Kept) {
  const { random, log } = ports;
  const admit = createAdmitRemovals(ports);
  const removing = createRemoving(ports, confirmRecorded);
  const retention = createRetention(ports, { admit, removing });
  const sweepRemovals = createRemovalSweep(ports, removing);

  /** A failure does not affect readiness: nothing waits for it, and the next sweep continues. */
  const logged = (what: string, work: (stopping: AbortSignal) => Promise<void>) => (stopping: AbortSignal) =>
    work(stopping).catch((error) => log.warn(`${what} failed; the next one continues`, errorFields(error)));

  /** Nothing is read or removed where everything is kept for ever. Each process sweeps at its own pace. */
  function byAge(
    name: string,
    keptMs: number,
    work: (keptMs: number, stopping: AbortSignal) => Promise<void>,
  ) {
    if (keptMs === 0) return [];
    const pauseMs = retentionPauseMs(keptMs) * (0.75 + random() / 2);
    return [{ name, pauseMs, work: logged(name, (stopping) => work(keptMs, stopping)) }];
  }

  return {
    commands: removalCommands(ports, admit, removing.complete),
    sweeps: [
      {
        name: "the sweep of removals",
        pauseMs: removalSweepMs,
        work: logged("the sweep of removals", sweepRemovals),
      },
      ...byAge("the removal of old requests", kept.requestsKeptMs, retention.requests),
      ...byAge("the removal of old executions", kept.executionsKeptMs, retention.executions),
    ],
  };
}

export type RemovalSweeps = ReturnType<typeof createRemovals>["sweeps"];
