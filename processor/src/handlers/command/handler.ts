import { limits } from "@sate/contracts";
import { errorFields, type Log } from "@sate/contracts/runtime";
import { childEnvironment } from "../../children/environment.ts";
import type { Group, Groups } from "../../children/group.ts";
import { Aborted, type Handler, type HandlerEnd, type HandlerRun } from "../../ports.ts";
import { secondsLeft } from "../seconds-left.ts";
import { commandEnd } from "./end.ts";
import { followProgress } from "./progress.ts";
import { createRunFolder, type RunFolder, readSmallFile } from "./run-folder.ts";

export type Command = {
  /** The program and its arguments. */
  argv: string[];
  /** The environment of the service. The command gets the usual variables and those in `named`. */
  env: Record<string, string | undefined>;
  named: readonly string[];
  memoryMib: number | undefined;
  groups: Groups;
  log: Log;
};

/** Between SIGTERM and SIGKILL. */
const terminationMs = 2_000;
/** `terminationMs`, and time for the kernel to end the processes and for the files to be read and deleted. */
export const commandGraceMs = terminationMs + 6_000;

const lastLineCharsMax = 1_000;

/**
 * Runs an execution as one process in a folder of its own: the payload is its standard input, and its outputs are the
 * file `$SATE_OUTPUTS`, or its standard output. When the handler ends, no process of the command is left, and its
 * folder is deleted.
 */
export function commandHandler(command: Command): Handler {
  return async (run) => {
    const folder = await createRunFolder(command.groups.folder);
    try {
      return await runIn(folder, run, command);
    } finally {
      await folder.remove().catch((error) => {
        const { executionId, epoch } = run;
        command.log.warn("could not delete the files of a run", {
          execution_id: executionId,
          epoch,
          ...errorFields(error),
        });
      });
    }
  };
}

async function runIn(folder: RunFolder, run: HandlerRun, command: Command): Promise<HandlerEnd> {
  const stdout: Uint8Array[] = [];
  const stderr = logged(run);
  let group: Group;
  try {
    group = command.groups.spawn({
      argv: command.argv,
      env: childEnvironment(command.env, command.named, variablesOf(run, folder)),
      cwd: folder.work,
      stdin: Buffer.from(run.payloadJson),
      stdout: { take: (chunk) => stdout.push(chunk), bytesMax: limits.outputsBytesMax, beyond: "kill" },
      stderr: { take: stderr.take },
      memoryMib: command.memoryMib,
    });
  } catch (error) {
    const message = `The command cannot be started (${(error as { code?: string }).code}).`;
    return { kind: "broken", error: { code: "unexpected_error", message } };
  }
  const abort = () => void group.kill({ graceMs: isFenced(run) ? 0 : terminationMs });
  run.signal.addEventListener("abort", abort, { once: true });
  if (run.signal.aborted) abort();
  const stopProgress = followProgress(folder.progress, run);

  const exit = await group.ended;
  run.signal.removeEventListener("abort", abort);
  stopProgress();
  const printed = Buffer.concat(stdout);
  const outputs = readSmallFile(folder.outputs, limits.outputsBytesMax);
  const end = commandEnd(exit, { outputs, printed, lastLine: stderr.end(), errorPath: folder.error });
  // Standard output is part of the log, unless it is the outputs.
  if (end.kind !== "succeeded" || outputs.kind !== "absent") run.log(new TextDecoder().decode(printed));
  run.signal.throwIfAborted();
  return end;
}

function variablesOf(
  run: HandlerRun,
  { temporary, outputs, error, progress }: RunFolder,
): Record<string, string> {
  return {
    TMPDIR: temporary,
    SATE_REQUEST_ID: run.requestId,
    SATE_EXECUTION_ID: run.executionId,
    SATE_RUN: `${run.executionId}:${run.epoch}`,
    SATE_EPOCH: String(run.epoch),
    SATE_ATTEMPT: String(run.attempt),
    SATE_TRY: String(run.tryNumber),
    SATE_TIMEOUT_SECONDS: String(secondsLeft(run)),
    SATE_OUTPUTS: outputs,
    SATE_ERROR: error,
    SATE_PROGRESS: progress,
    ...(run.traceparent !== undefined && { TRACEPARENT: run.traceparent }),
  };
}

function isFenced({ signal }: HandlerRun): boolean {
  return signal.reason instanceof Aborted && signal.reason.why === "fenced";
}

/** Copies a stream to the log of the run. `end` returns its last line that is not blank. */
function logged(run: HandlerRun) {
  const decoder = new TextDecoder();
  let last = "";
  function add(text: string): void {
    if (text === "") return;
    run.log(text);
    last = (last + text).slice(-2 * lastLineCharsMax);
  }
  return {
    take: (chunk: Uint8Array) => add(decoder.decode(chunk, { stream: true })),
    end(): string {
      add(decoder.decode());
      return last.trimEnd().split("\n").at(-1)?.trim().slice(0, lastLineCharsMax) ?? "";
    },
  };
}
