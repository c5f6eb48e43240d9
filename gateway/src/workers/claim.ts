import { type ClaimRuns, limits, type Run, runRef } from "@sate/contracts";
import type { ApiKey } from "../access/api-keys.ts";
import type { Ingress } from "../capacity/ingress.ts";
import { overloaded, Refusal } from "../http/problem-response.ts";
import type { Ports } from "../ports.ts";
import type { LiveWorkers } from "./live-worker.ts";

/** Maximum number of waiting claims. */
const waitingMax = 1_000;
/** Pause between two polls of a waiting claim, longer if many wait: a gateway polls at most 500 times a second. */
const lookMs = 250;
const lookMsPerWaiting = 2;

type Claim = {
  request: Request;
  workerId: string;
  key: ApiKey | undefined;
  body: ClaimRuns;
};

/**
 * Creates the claims of remote workers. A claim returns runs, or none after `wait_seconds`, at a stop, or when its
 * client disconnects. Only its polls count as work in progress, so waiting claims do not delay other requests.
 */
export function createClaimRuns(
  parts: Pick<Ports, "requests"> & { ingress: Ingress; liveWorkers: LiveWorkers; stopping: AbortSignal },
): (claim: Claim) => Promise<Run[]> {
  const { requests, ingress, liveWorkers, stopping } = parts;
  let waiting = 0;

  /** What to claim from requests-service; `null` if the worker has no room or no processor that its key may serve. */
  async function wanted({ workerId: worker_id, key, body: { claim_id, limit } }: Claim) {
    const held = await liveWorkers.renew(worker_id);
    const served = await liveWorkers.servedBy(worker_id, key);
    // A heartbeat returns at most this many runs: a worker with more could not be told which of them it holds.
    const room = Math.min(limit, limits.workerRunsMax - held.length);
    if (room < 1) return null;
    const processors = served.map(({ name, timeout_seconds, concurrency = room }) => {
      return { name, timeout_seconds, limit: Math.min(room, concurrency) };
    });
    return processors.length === 0 ? null : { worker_id, claim_id, limit: room, processors };
  }

  /** The lease may have expired while the claim was waiting. */
  async function renewOrHandBack(worker_id: string, runs: Run[]): Promise<void> {
    try {
      await liveWorkers.renew(worker_id);
    } catch (error) {
      if (error instanceof Refusal) await requests.handBack({ runs: runs.map(runRef) });
      throw error;
    }
  }

  async function look(request: Request, asked: Awaited<ReturnType<typeof wanted>>, isFirst: boolean) {
    if (asked === null) return [];
    return await ingress.serve(request, "work", async () => {
      const { runs } = await requests.claimAny(asked);
      if (runs.length > 0 && !isFirst) await renewOrHandBack(asked.worker_id, runs);
      return runs;
    });
  }

  return async (claim) => {
    const { request, body } = claim;
    const { wait_seconds = 0 } = body;
    if (stopping.aborted || waiting >= waitingMax) throw overloaded();
    const until = performance.now() + wait_seconds * 1_000;
    const hasEnded = () => stopping.aborted || request.signal.aborted;
    waiting++;
    try {
      const asked = await ingress.serve(request, "work", () => wanted(claim));
      for (let isFirst = true; ; isFirst = false) {
        const runs = await look(request, asked, isFirst);
        if (runs.length > 0) return runs;
        const leftMs = until - performance.now();
        if (leftMs <= 0 || hasEnded()) return [];
        const pauseMs = Math.min(leftMs, Math.max(lookMs, waiting * lookMsPerWaiting));
        await pause(pauseMs, [request.signal, stopping]);
        if (hasEnded()) return [];
      }
    } finally {
      waiting--;
    }
  };
}

/** Resolves after `ms`, or as soon as one of the signals is aborted. */
function pause(ms: number, signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    for (const signal of signals) signal.addEventListener("abort", end);
    function end(): void {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", end);
      resolve();
    }
  });
}
