import { readFileSync } from "node:fs";

export type RunEvent = {
  event: "start" | "end";
  execution_id: string;
  request_id: string;
  epoch: number;
  pid: number;
  /** Nanoseconds of the machine's monotonic clock, as digits. */
  monotonic_ns: string;
};

/** A run, with null for an end that was not logged. */
export type Run = RunEvent & { startedAt: bigint; endedAt: bigint | null };

/** What the handlers logged: the only evidence of how many times something ran. */
export function readRunLog(path: string): RunEvent[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as RunEvent];
    } catch {
      return []; // The process was killed while writing this line, or it is the last.
    }
  });
}

/** All runs, in the order of their starts. */
export function runsOf(events: RunEvent[]): Run[] {
  const key = ({ execution_id, epoch, pid }: RunEvent) => `${execution_id} ${epoch} ${pid}`;
  const { start = [], end = [] } = Object.groupBy(events, ({ event }) => event);
  const ends = new Map(end.map((one) => [key(one), BigInt(one.monotonic_ns)]));
  return start.map((one) => {
    return { ...one, startedAt: BigInt(one.monotonic_ns), endedAt: ends.get(key(one)) ?? null };
  });
}

export const runsByExecution = (path: string): Map<string, Run[]> =>
  Map.groupBy(runsOf(readRunLog(path)), ({ execution_id }) => execution_id);
