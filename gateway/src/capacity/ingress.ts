import { inTime } from "@sate/contracts/runtime";
import { overloaded } from "../http/problem-response.ts";
import { createSemaphore, type Semaphore } from "./semaphore.ts";

/**
 * Permits for each kind of work (bulkheads): a service that hangs holds up only the requests that need it. Reads have
 * fewer, because each may return a page of several megabytes.
 */
const permitsOf = { create: 4_096, readRequests: 64, readResults: 64 } as const;
export type Work = keyof typeof permitsOf;

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
export type Ingress = {
  /**
   * Does the work of a request within a deadline. Rejects with a refusal, with `DeadlinePassed`, or as `work` does.
   * Releases what the request holds of the byte budget when the work has ended.
   */
  serve(request: Request, kind: Work, work: () => Promise<Response>): Promise<Response>;
  /**
   * Takes bytes for a body of this request, or throws the refusal. A body that is still arriving counts only here, so
   * slow clients do not block others.
   */
  hold(request: Request, bytes: number): void;
  /** Releases what a request holds that ends before its work starts. Safe to repeat. */
  letGo(request: Request): void;
  heldBytes(): number;
};

export function createIngress(options: { responseMsMax?: number; waitMsMax?: number } = {}): Ingress {
  const { responseMsMax = responseMsMaxDefault, waitMsMax = waitMsMaxDefault } = options;
  const semaphoreOf = (permits: number) =>
    createSemaphore({ permits, waitingMax, waitMsMax, refusal: overloaded });
  const semaphores: Record<Work, Semaphore> = {
    create: semaphoreOf(permitsOf.create),
    readRequests: semaphoreOf(permitsOf.readRequests),
    readResults: semaphoreOf(permitsOf.readResults),
  };
  const heldBy = new Map<Request, number>();
  let heldBytes = 0;

  function letGo(request: Request): void {
    heldBytes -= heldBy.get(request) ?? 0;
    heldBy.delete(request);
  }

  return {
    async serve(request, kind, work) {
      const semaphore = semaphores[kind];
      const since = performance.now();
      try {
        await semaphore.acquire();
      } catch (error) {
        letGo(request);
        throw error;
      }
      // Work that misses the deadline goes on, and holds its permit and its bytes until it ends.
      const doing = work().finally(() => {
        semaphore.release();
        letGo(request);
      });
      return await inTime(doing, responseMsMax - (performance.now() - since));
    },

    hold(request, bytes) {
      const held = heldBy.get(request);
      const more = held === undefined ? bytes + arrivalBytes : bytes;
      if (heldBytes + more > heldBytesMax) throw overloaded();
      heldBytes += more;
      heldBy.set(request, (held ?? 0) + more);
    },

    letGo,
    heldBytes: () => heldBytes,
  };
}
