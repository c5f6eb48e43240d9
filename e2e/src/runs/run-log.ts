import { closeSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";

export type RunEvent = {
  event: "start" | "end";
  execution_id: string;
  request_id: string;
  epoch: number;
  /** The process of the run, and the one that started it: the service, if the run has a process of its own. */
  pid: number;
  host: number;
  /** Nanoseconds of the machine's monotonic clock, as digits. */
  monotonic_ns: string;
};

/** A run, with null for an end that was not logged. */
export type Run = RunEvent & { startedAt: bigint; endedAt: bigint | null };

/** What the handlers logged: the only evidence of how many times something ran. */
export const readRunLog = (path: string): RunEvent[] =>
  readFileSync(path, "utf8").split("\n").flatMap(eventOf);

/** Follows the log: each call returns the events since the previous call. */
export function followRunLog(path: string): () => RunEvent[] {
  let read = 0;
  return () => {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - read);
      const count = readSync(file, bytes, 0, bytes.length, read);
      // An incomplete line is read once it is complete.
      const end = bytes.lastIndexOf("\n", count) + 1;
      read += end;
      return bytes.toString("utf8", 0, end).split("\n").flatMap(eventOf);
    } finally {
      closeSync(file);
    }
  };
}

/** Empty for a line whose process was killed while writing it, and for the last, empty line. */
function eventOf(line: string): RunEvent[] {
  try {
    return [JSON.parse(line) as RunEvent];
  } catch {
    return [];
  }
}

export const keyOfRun = ({ execution_id, epoch, pid }: Pick<RunEvent, "execution_id" | "epoch" | "pid">) =>
  `${execution_id} ${epoch} ${pid}`;

/** All runs, in the order of their starts. */
export function runsOf(events: RunEvent[]): Run[] {
  const { start = [], end = [] } = Object.groupBy(events, ({ event }) => event);
  const ends = new Map(end.map((one) => [keyOfRun(one), BigInt(one.monotonic_ns)]));
  return start.map((one) => {
    return { ...one, startedAt: BigInt(one.monotonic_ns), endedAt: ends.get(keyOfRun(one)) ?? null };
  });
}

export const runsByExecution = (path: string): Map<string, Run[]> =>
  Map.groupBy(runsOf(readRunLog(path)), ({ execution_id }) => execution_id);
