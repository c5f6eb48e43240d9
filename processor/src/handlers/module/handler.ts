import { limits } from "@sate/contracts";
import type { Log } from "@sate/contracts/runtime";
import type { Reply } from "../../children/child.ts";
import { killGraceMs, type Pool } from "../../children/pool.ts";
import type { Definition } from "../../kit/index.ts";
import type { Handler, HandlerEnd, HandlerRun } from "../../ports.ts";
import { type ModuleEnd, runModule } from "./run.ts";

/** The grace period of the children, and time for the kernel to end them. */
export const isolatedGraceMs = killGraceMs + 6_000;
/** A module in this process that ignores its signal cannot be ended. */
export const sharedGraceMs = 500;

const outputsBytesMax = limits.outputsBytesMax;

/** Runs a module in children, each with one run at a time. */
export function isolatedHandler(
  pool: Pool,
  { name, memoryMib, log }: { name: string; memoryMib: number | undefined; log: Log },
): Handler {
  return async (run) => {
    const { signal, progress, log: logRun, workerId, ...facts } = run;
    const reply = await pool.run(
      { kind: "run", ...facts, outputsBytesMax },
      { progress, log: logRun },
      signal,
    );
    if (reply.kind === "replied") return endOf(reply.body as ModuleEnd, run, name, log);
    const end = brokenEnd(reply, memoryMib);
    if (!signal.aborted)
      log.warn("the child process of a processor failed", { ...idsOf(run, name), detail: reasonOf(reply) });
    return end;
  };
}

/** Runs a module in this process. */
export function sharedHandler(definition: Definition, { name, log }: { name: string; log: Log }): Handler {
  return async (run) => {
    run.signal.throwIfAborted();
    const ended = await runModule(definition, {
      ...run,
      progress: (...given) => run.progress(...given),
      log: (text) => run.log(text),
      outputsBytesMax,
    });
    if (ended.detail !== undefined) run.log(`${ended.detail}\n`);
    return endOf(ended, run, name, log);
  };
}

function endOf({ end, detail }: ModuleEnd, run: HandlerRun, name: string, log: Log): HandlerEnd {
  if (detail !== undefined && !run.signal.aborted) {
    log.warn("a processor threw an unexpected error", { ...idsOf(run, name), at: placeOf(detail) });
  }
  return end;
}

/** Where the error was thrown. Its text may contain a secret, so it is only in the log of the run. */
function placeOf(detail: string): string | undefined {
  return /(\/[^\s()]+:\d+:\d+)\)?$/m.exec(detail)?.[1];
}

function idsOf({ executionId, requestId, epoch }: HandlerRun, processor: string) {
  return { processor, execution_id: executionId, request_id: requestId, epoch };
}

type Broken = Extract<Reply, { kind: "died" | "unloadable" }>;

function brokenEnd(reply: Broken, memoryMib: number | undefined): HandlerEnd {
  const broken = (code: string, message: string): HandlerEnd => ({
    kind: "broken",
    error: { code, message },
  });
  if (reply.kind === "unloadable")
    return broken("unexpected_error", "The processor's module cannot be loaded.");
  const limit = memoryMib === undefined ? "" : ` Its memory is limited to ${memoryMib} MiB.`;
  return broken("process_died", `${howItDied(reply)}${limit}`);
}

function howItDied({ how: { exitCode, signal } }: Extract<Reply, { kind: "died" }>): string {
  if (signal === "SIGKILL")
    return "The process of the run was killed from outside (SIGKILL), perhaps out of memory.";
  if (signal !== null) return `The process of the run was ended by ${signal}.`;
  return `The process of the run exited with code ${exitCode} before the run had ended.`;
}

function reasonOf(reply: Broken): string {
  return reply.kind === "unloadable" ? reply.reason : howItDied(reply);
}
