import { existsSync, readFileSync } from "node:fs";

export type RunEvent = {
  event: "start" | "end";
  execution_id: string;
  request_id: string;
  epoch: number;
  pid: number;
};

/** What the handlers themselves wrote down: the only witness of how often something ran. */
export function readRunLog(path: string): RunEvent[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line));
}

/** Starts by execution. */
export function startsOf(path: string): Map<string, RunEvent[]> {
  return Map.groupBy(
    readRunLog(path).filter(({ event }) => event === "start"),
    ({ execution_id }) => execution_id,
  );
}
