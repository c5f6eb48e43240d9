import { inTime } from "@sate/contracts/runtime";
import { overloaded } from "../http/problem-response.ts";

/**
 * Permits for each kind of work (bulkheads): a service that hangs holds up only the requests that need it. Reads have
 * fewer, because each may return a page of several megabytes, and remote workers fewer still: a claim may return 8 MiB. A
 * batch creates up to 100 requests, so all batches together create as many as all single requests.
 */
const permitsOf = {
  ...{ create: 4_096, createBatch: 40, readRequests: 64, readResults: 64, work: 32 },
  // One may have 8 MiB of bytes, and a replay of many takes seconds.
  deadLetters: 8,
} as const;
type Work = keyof typeof permitsOf;

/** Requests that may wait for a permit of one kind, and for how long; then they are refused. */
const waitingMax = 2_000;
const waitMsMaxDefault = 3_000;
/** From the end of the body to the response. */
const responseMsMaxDefault = 9_500;
/** All bodies that are arriving or being processed. */
const heldBytesMax = 24 * 1024 * 1024;
/** What a body costs before its first byte, so that bodies that never arrive are limited too. */
const arrivalBytes = 1_024;

/** The in-flight limits of the gateway. A request beyond them is refused as overloaded. */
export function createIngress(options: { responseMsMax?: number; waitMsMax?: number } = {}) {
  const { responseMsMax = responseMsMaxDefault, waitMsMax = waitMsMaxDefault } = options;
  const semaphores = Object.fromEntries(
    Object.entries(permitsOf).map(([kind, permits]) => [kind, createSemaphore(permits, waitMsMax)]),
  ) as Record<Work, ReturnType<typeof createSemaphore>>;
  const heldBy = new Map<Request, number>();
  let heldBytes = 0;

  /** Releases the bytes that a request holds if it ends before its work starts. Safe to repeat. */
  function release(request: Request): void {
    heldBytes -= heldBy.get(request) ?? 0;
    heldBy.delete(request);
  }

  return {
    /**
     * Does the work of a request within a deadline. Rejects with a refusal, with `DeadlinePassed`, or as `work` does.
     * Releases what the request holds of the byte budget when the work has ended.
     */
    async serve<T>(request: Request, kind: Work, work: () => Promise<T>): Promise<T> {
      const semaphore = semaphores[kind];
      const since = performance.now();
      try {
        await semaphore.acquire();
      } catch (error) {
        release(request);
        throw error;
      }
      // Work that misses the deadline goes on, and holds its permit and its bytes until it ends.
      const doing = work().finally(() => {
        semaphore.release();
        release(request);
      });
      return await inTime(doing, responseMsMax - (performance.now() - since));
    },

    /**
     * Takes bytes for a body of this request, or throws the refusal. A body that is still arriving counts only here, so
     * slow clients do not block others.
     */
    hold(request: Request, bytes: number): void {
      const held = heldBy.get(request);
      const more = held === undefined ? bytes + arrivalBytes : bytes;
      if (heldBytes + more > heldBytesMax) throw overloaded();
      heldBytes += more;
      heldBy.set(request, (held ?? 0) + more);
    },

    release,
    heldBytes: () => heldBytes,
  };
}

export type Ingress = ReturnType<typeof createIngress>;

/** A counting semaphore whose queue is bounded, in callers and in time. */
function createSemaphore(permits: number, waitMsMax: number) {
  const waiting: (() => void)[] = [];
  let free = permits;

  return {
    /** Resolves with a permit, first come, first served, or rejects with the refusal. */
    acquire(): Promise<void> {
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      if (waiting.length >= waitingMax) return Promise.reject(overloaded());
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(admit), 1);
          reject(overloaded());
        }, waitMsMax);
        const admit = () => {
          clearTimeout(timer);
          resolve();
        };
        waiting.push(admit);
      });
    },

    /** To be called once for each `acquire` that has resolved. */
    release(): void {
      const next = waiting.shift();
      // The permit is handed over, so that no later caller can overtake.
      if (next) next();
      else free++;
    },
  };
}
