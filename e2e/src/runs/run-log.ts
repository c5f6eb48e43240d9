import { existsSync, readFileSync } from "node:fs";

export type RunEvent = {
  event: "start" | "end";
  execution_id: string;
  request_id: string;
  epoch: number;
  pid: number;
  /** Nanoseconds of the machine's monotonic clock, as digits. */
  monotonic_ns: string;
};

/** What the handlers themselves wrote down: the only witness of how often something ran. */
export function readRunLog(path: string): RunEvent[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as RunEvent];
      } catch {
        return []; // The process was killed while it wrote this line.
      }
    });
}

/** Starts by execution. */
export function startsOf(path: string): Map<string, RunEvent[]> {
  return Map.groupBy(
    readRunLog(path).filter(({ event }) => event === "start"),
    ({ execution_id }) => execution_id,
  );
}

export type Run = RunEvent & { endedAt: bigint | null };

/** Every run by execution, in the order of their starts; `endedAt` is `null` where the process died in it. */
export function runsOf(path: string): Map<string, Run[]> {
  const events = readRunLog(path);
  const nameOf = ({ execution_id, epoch }: RunEvent) => `${execution_id} ${epoch}`;
  const ends = new Map(
    events.filter(({ event }) => event === "end").map((end) => [nameOf(end), BigInt(end.monotonic_ns)]),
  );
  const runs = events
    .filter(({ event }) => event === "start")
    .map((start): Run => ({ ...start, endedAt: ends.get(nameOf(start)) ?? null }));
  return Map.groupBy(runs, ({ execution_id }) => execution_id);
}
