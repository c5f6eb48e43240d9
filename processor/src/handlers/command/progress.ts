import type { HandlerRun } from "../../ports.ts";
import { readFileEnd } from "./run-folder.ts";

const lookMs = 1_000;
/** Longer lines are not read. */
const readBytes = 8 * 1024;

/**
 * Reports the last line of a file as the progress of a run, about every second and a last time when it is stopped. Each
 * line of the file is JSON: `{"fraction": 0.5, "message": "half"}`, the message being optional.
 */
export function followProgress(path: string, run: HandlerRun): () => void {
  let reported = "";
  function look(): void {
    const written = readFileEnd(path, readBytes).toString();
    if (written === reported) return;
    reported = written;
    const [last, before] = written.trimEnd().split("\n").toReversed();
    // While the last line is still being written, the one before it counts.
    const progress = parse(last) ?? parse(before);
    if (progress) run.progress(progress.fraction, progress.message);
  }
  const timer = setInterval(look, lookMs);
  return () => {
    clearInterval(timer);
    look();
  };
}

function parse(line = ""): { fraction: number; message?: string } | null {
  try {
    const { fraction, message } = JSON.parse(line);
    if (typeof fraction !== "number") return null;
    return typeof message === "string" ? { fraction, message } : { fraction };
  } catch {
    return null; // not JSON, or null
  }
}
