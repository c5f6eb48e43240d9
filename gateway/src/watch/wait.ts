import { type ExecutionRecord, limits, type RequestRecord, type ResultRecord } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { type Bell, createBell } from "./bell.ts";
import { preferredWait } from "./prefer.ts";
import { type ReadResult, readAgainMs } from "./read-result.ts";
import type { Watch, Watched } from "./watch.ts";

/** Longer than a client may wait. */
const idleSeconds = limits.waitSecondsMax + 30;

/** What a route hands over: the request of the client, and the execution as it is now. */
type Asked = {
  request: Request;
  server: { timeout(request: Request, seconds: number): void } | null;
  found: { execution: ExecutionRecord; request: Pick<RequestRecord, "payload_json"> };
};

/** The execution when the wait was over, and its result if it has ended and every client can read it. */
export type Waited = {
  execution: ExecutionRecord;
  result?: ResultRecord;
  headers: { "preference-applied": string };
};

/**
 * Creates the wait of clients that send `Prefer: wait=N`: until the execution has ended and every client can read
 * its result, for N seconds, or until the client disconnects or a stop begins. `null`: the response must not wait, because
 * the client sent no such preference or may not read, or because too many clients are waiting. A waiting client does not
 * count as work in progress.
 */
export function createWaitForEnd(
  parts: Pick<Ports, "counters"> & {
    watch: Watch;
    readResult: ReadResult;
    stopping: AbortSignal;
    /** A client that may only submit must not see results. */
    mayRead: (request: Request) => boolean;
  },
): (asked: Asked) => Promise<Waited | null> {
  const { counters, watch, readResult, stopping, mayRead } = parts;
  let waiting = 0;
  let waitingBytes = 0;

  async function untilEnded(
    watched: Watched,
    asked: Asked,
    bell: Bell,
    ms: number,
  ): Promise<Omit<Waited, "headers">> {
    const { request } = asked;
    const end = performance.now() + ms;
    for (;;) {
      const { execution, isRecorded, isGone } = watched.seen();
      const leftMs = request.signal.aborted || stopping.aborted || isGone ? 0 : end - performance.now();
      const result = isRecorded ? await readResult(request, execution) : undefined;
      if (result !== undefined) return { execution, result };
      if (isRecorded) watched.lookForRemoval();
      if (leftMs <= 0) return { execution };
      await bell.wait(isRecorded ? Math.min(leftMs, readAgainMs) : leftMs);
    }
  }

  return async (asked) => {
    const { request, server, found } = asked;
    const seconds = preferredWait(request.headers);
    if (seconds === null || !mayRead(request)) return null;
    const bytes = Buffer.byteLength(found.request.payload_json);
    if (waiting >= limits.waitingMax || waitingBytes + bytes > limits.waitingBytesMax) {
      counters.add("waits_refused");
      return null;
    }
    server?.timeout(request, idleSeconds);
    const bell = createBell();
    const signals = [request.signal, stopping];
    for (const signal of signals) signal.addEventListener("abort", bell.ring);
    const watched = watch.watch(found.execution, bell.ring);
    waiting++;
    waitingBytes += bytes;
    try {
      const waited = await untilEnded(watched, asked, bell, seconds * 1_000);
      return { ...waited, headers: { "preference-applied": `wait=${seconds}` } };
    } finally {
      waiting--;
      waitingBytes -= bytes;
      watched.stop();
      for (const signal of signals) signal.removeEventListener("abort", bell.ring);
    }
  };
}
