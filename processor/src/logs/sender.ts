import { type LogChunk, limits, type Run, runRef } from "@sate/contracts";
import { errorFields, fitting, inTime } from "@sate/contracts/runtime";
import type { Ports } from "../ports.ts";
import { createRunLog, type RunLog } from "./run-log.ts";

type SenderPorts = Pick<Ports, "time" | "counters" | "log"> & {
  requests: Pick<Ports["requests"], "appendLogs">;
};
type Open = { run: Run; runLog: RunLog; endedAt: number | null };

const callMs = 5_000;
/** How long the rest of a log is kept after its run has ended. */
const afterEndMsMax = 10_000;

/**
 * Sends the logs of runs: with each heartbeat, sooner when much is waiting, and when a run ends. One call is in flight
 * at a time, with chunks of many runs. Nothing waits for it, and text that cannot be sent within a few seconds of the
 * end of its run is dropped: a log must never delay its run.
 */
export function createLogSender({ requests, time, counters, log }: SenderPorts) {
  const open = new Set<Open>();
  let sending: Promise<void> | null = null;
  let isScheduled = false;

  /** The next chunks that fit into one call. */
  function nextChunks(): { one: Open; chunk: LogChunk }[] {
    const fits = fitting<LogChunk>({
      itemsMax: limits.batchItemsMax,
      sizeMax: limits.batchBytesMax,
      sizeOf: ({ text }) => text.length,
    });
    const chunks: { one: Open; chunk: LogChunk }[] = [];
    for (const one of open) {
      const next = one.runLog.next();
      if (next === null) {
        if (one.endedAt !== null) open.delete(one);
        continue;
      }
      const chunk = { ...runRef(one.run), ...next };
      if (!fits(chunk)) break;
      chunks.push({ one, chunk });
    }
    return chunks;
  }

  async function sendAll(): Promise<void> {
    for (let chunks = nextChunks(); chunks.length > 0; chunks = nextChunks()) {
      try {
        await inTime(requests.appendLogs({ chunks: chunks.map(({ chunk }) => chunk) }), callMs);
      } catch (error) {
        counters.add("log_chunks_unsent", chunks.length);
        log.debug("could not store log chunks; they will be sent again", {
          chunks: chunks.length,
          ...errorFields(error),
        });
        return dropOld();
      }
      counters.add("log_chunks_sent", chunks.length);
      for (const { one } of chunks) one.runLog.sent();
    }
  }

  function dropOld(): void {
    for (const one of open) {
      if (one.endedAt === null || time.monotonic() - one.endedAt < afterEndMsMax) continue;
      open.delete(one);
      counters.add("logs_cut_short");
    }
  }

  /** Sends at the end of this turn of the event loop, with all that other runs add in it. */
  function sendSoon(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      void send();
    });
  }

  function send(): Promise<void> {
    sending ??= sendAll().finally(() => {
      sending = null;
    });
    return sending;
  }

  return {
    /** A log for this run. `end` it with the run. */
    open(run: Run): { add: RunLog["add"]; end: () => void } {
      const runLog = createRunLog({ now: time.now, enough: sendSoon });
      const one: Open = { run, runLog, endedAt: null };
      open.add(one);
      return {
        add: runLog.add,
        end() {
          runLog.end();
          one.endedAt = time.monotonic();
          if (runLog.next() === null) open.delete(one);
          else sendSoon();
        },
      };
    },
    /** Sends all waiting chunks. Resolves when they have been sent or a call has failed. Never rejects. */
    send,
  };
}

export type LogSender = ReturnType<typeof createLogSender>;
