import { type ExecutionRef, type LogChunk, limits, type RequestsApi } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { createPoll, type Poll, type Polled } from "./poll.ts";

type Position = { epoch: number; sequence: number };
type Followed = Parameters<RequestsApi["followLogs"]>[0]["executions"][number];
type Part = Awaited<ReturnType<RequestsApi["followLogs"]>>["logs"][number];
export type LogPoll = Poll<Followed, Part>;

/** Logs are written with heartbeats, seconds apart. */
const everyMs = 500;

/** The poll of all logs that are streamed. */
export function createLogPoll(
  parts: Pick<Ports, "requests" | "monotonic" | "random"> & { onFailure: (error: unknown) => void },
): LogPoll {
  const { requests } = parts;
  return createPoll<Followed, Part>({
    ...{ ...parts, paceMs: () => everyMs, batchMax: limits.followMax },
    ask: async (executions) => (await requests.followLogs({ executions })).logs,
  });
}

/**
 * The log of one execution after a position. It holds one part of the log, and reads no further until that is taken. It
 * reads nothing until the first `refresh`. `onChange`: there is a chunk to take, or `isRead` has become true.
 */
export function followLog(poll: LogPoll, ref: ExecutionRef, from: Position, onChange: () => void) {
  let after = from;
  let chunks: LogChunk[] = [];
  let isRunning = false;
  let isRead = true;
  let polled: Polled | undefined;

  function read(when: "at once" | "later"): void {
    polled?.stop();
    const own = poll.add(
      { ...ref, after },
      (part) => {
        const wasRead = isRead;
        chunks = part.chunks;
        isRead = !part.more;
        if (chunks.length > 0 || (isRead && !isRunning)) own.stop();
        else if (part.more) own.askNow();
        if (chunks.length > 0 || wasRead !== isRead) onChange();
      },
      when,
    );
    polled = own;
  }

  return {
    /** Reads what is stored by now; if the execution is running, also what is stored later. */
    refresh(isRunningNow: boolean): void {
      isRunning = isRunningNow;
      isRead = false;
      if (chunks.length === 0) read("at once");
    },
    /** The next chunk, if it is there. */
    take(): LogChunk | undefined {
      const chunk = chunks.shift();
      if (chunk === undefined) return undefined;
      after = { epoch: chunk.epoch, sequence: chunk.sequence };
      if (chunks.length > 0) return chunk;
      if (!isRead) read("at once");
      else if (isRunning) read("later");
      return chunk;
    },
    /** Whether everything was taken that was stored at the last `refresh`. */
    isRead: () => isRead && chunks.length === 0,
    stop: () => polled?.stop(),
  };
}

export type LogFollower = ReturnType<typeof followLog>;
