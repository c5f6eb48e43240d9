import { fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";

const bytesMax = 64 << 20;

/** A file to which a process appends its output, emptied at first. */
export function logFile(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  const descriptor = openSync(path, "a");
  ftruncateSync(descriptor);
  return {
    path,
    descriptor,
    /** Empties it when it is too long; the process goes on appending. */
    limit(): void {
      if (fstatSync(descriptor).size > bytesMax) ftruncateSync(descriptor);
    },
    /** Without the frames of Java's stacks, which hide what went wrong. */
    lastLines(count: number): string[] {
      const lines = readFileSync(path, "utf8").trimEnd().split("\n");
      return lines.filter((line) => !line.startsWith("\tat ")).slice(-count);
    },
  };
}

export type LogFile = ReturnType<typeof logFile>;
