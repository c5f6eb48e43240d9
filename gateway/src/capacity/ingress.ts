import { overloaded } from "../http/problem-response.ts";
import { inTime } from "../runtime/deadline.ts";
import { createSemaphore, type Semaphore } from "./semaphore.ts";

/**
 * What the process can bear at once: work that is under way, and bytes of bodies. Beyond either a client is told at
 * once to come again. Bodies that are still arriving count only by their bytes, so slow clients, or those that
 * pretend to be, keep nobody else out.
 *
 * Each kind of work has permits of its own (bulkheads), so a service that hangs holds up only what needs it. Reads
 * have fewer: each may bring a page of several megabytes.
 */
const permitsOf = { create: 4_096, readRequests: 64, readResults: 64 } as const;
export type Work = keyof typeof permitsOf;

const heldBytesMax = 24 * 1024 * 1024;
/** What a body costs before it has bytes: the request itself. So bodies that never arrive are bounded, too. */
const arrivalBytes = 1_024;

/** Requests that may wait for a permit of one kind, and how long; then a request is refused. */
const waitingMax = 2_000;
const waitMsMaxDefault = 3_000;
/** From the end of the body to the response. */
const responseMsMaxDefault = 9_500;

export type Ingress = {
  /**
   * Does the work of a request within a deadline. Rejects with a refusal, with `DeadlinePassed`, or as `work` does.
   * What the request held of the byte budget is free afterwards.
   */
  serve(request: Request, kind: Work, work: () => Promise<Response>): Promise<Response>;
  /** Takes bytes for a body of this request, or throws the refusal when there is no room for them. */
  hold(request: Request, bytes: number): void;
  /** A request whose body was read ends before its work begins. Safe to repeat. */
  letGo(request: Request): void;
  heldBytes(): number;
};

export function createIngress(options: { responseMsMax?: number; waitMsMax?: number } = {}): Ingress {
  const { responseMsMax = responseMsMaxDefault, waitMsMax = waitMsMaxDefault } = options;
  const semaphoreOf = (kind: Work) =>
    createSemaphore({ permits: permitsOf[kind], waitingMax, waitMsMax, refusal: overloaded });
  const semaphores: Record<Work, Semaphore> = {
    create: semaphoreOf("create"),
    readRequests: semaphoreOf("readRequests"),
    readResults: semaphoreOf("readResults"),
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
      try {
        const since = performance.now();
        await semaphore.acquire();
        try {
          return await inTime(work(), responseMsMax - (performance.now() - since));
        } finally {
          semaphore.release();
        }
      } finally {
        letGo(request);
      }
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
