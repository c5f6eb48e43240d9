import { fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

const bytesMax = 64 << 20;

/** An emptied file to which a process appends its output. */
export function logFile(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  const descriptor = openSync(path, "a");
  ftruncateSync(descriptor);
  return {
    path,
    descriptor,
    /** Empties it above 64 MiB; the process goes on appending. */
    limit(): void {
      if (fstatSync(descriptor).size > bytesMax) ftruncateSync(descriptor);
    },
    /** Without the frames of Java's stacks, which hide the cause. */
    lastLines(count: number): string[] {
      const lines = readFileSync(path, "utf8").trimEnd().split("\n");
      return lines.filter((line) => !line.startsWith("\tat ")).slice(-count);
    },
  };
}

export type LogFile = ReturnType<typeof logFile>;
