import { readdirSync, readFileSync } from "node:fs";
import {
  Aborted,
  type AbortReason,
  type HandlerEnd,
  type HandlerRun,
  type Processor,
} from "../../../src/ports.ts";

/** How a handler ended, `threw` being the name of what it threw. */
export type End = HandlerEnd | { kind: "threw"; name: string };

export type StartedRun = {
  executionId: string;
  end: Promise<End>;
  abort(why: AbortReason): void;
  /** All reports so far. */
  progress: { fraction: number; message?: string | undefined }[];
  /** The log so far. */
  log(): string;
};

/** Runs a handler once, with a run of its own. What it logs and reports is kept. */
export function startRun({ handler }: Processor, given: Partial<HandlerRun> = {}): StartedRun {
  const controller = new AbortController();
  const progress: StartedRun["progress"] = [];
  let log = "";
  const run: HandlerRun = {
    payloadJson: "{}",
    requestId: Bun.randomUUIDv7(),
    executionId: Bun.randomUUIDv7(),
    epoch: 2,
    attempt: 1,
    tryNumber: 1,
    forceError: false,
    workerId: Bun.randomUUIDv7(),
    deadlineMs: 60_000,
    signal: controller.signal,
    progress: (fraction, message) =>
      progress.push(message === undefined ? { fraction } : { fraction, message }),
    log: (text) => {
      log += text;
    },
    ...given,
  };
  const end = Promise.resolve()
    .then(() => handler(run))
    .catch((error): End => ({ kind: "threw", name: error instanceof Error ? error.name : typeof error }));
  return {
    executionId: run.executionId,
    end,
    abort: (why) => controller.abort(new Aborted(why)),
    progress,
    log: () => log,
  };
}

/** The processes, zombies excluded, that have this text in their command line or environment. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) => read(entry, "environ").includes(text) || read(entry, "cmdline").includes(text))
    .map(Number);
}

/** Of a zombie both are empty. */
function read(entry: string, file: string): string {
  try {
    return readFileSync(`/proc/${entry}/${file}`, "latin1");
  } catch {
    return "";
  }
}
