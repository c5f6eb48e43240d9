import { constants } from "node:os";
import type { GroupEnd } from "../../children/group.ts";
import type { HandlerEnd } from "../../ports.ts";
import { failed, notJson, outputsEnd, reportedFailure, shown, tooLarge } from "../ends.ts";
import { type FileReading, readSmallFile } from "./run-folder.ts";

/** EX_TEMPFAIL of sysexits.h: try again. */
const retryableExitCode = 75;
/** Shells report a signal as 128 plus its number. */
const signalExitCode = 128;
const errorFileBytesMax = 64 * 1024;

export type CommandOutput = {
  /** The file `$SATE_OUTPUTS`. */
  outputs: FileReading;
  /** Standard output. */
  printed: Uint8Array;
  /** The last line of standard error. */
  lastLine: string;
  /** The file `$SATE_ERROR`. */
  errorPath: string;
};

/** The end of a run, from the exit of its command and the output that it has written. */
export function commandEnd({ exceeded, signal, exitCode }: GroupEnd, output: CommandOutput): HandlerEnd {
  if (exceeded !== null) {
    return tooLarge(
      "Standard output",
      " Write outputs to the file $SATE_OUTPUTS, and messages to standard error.",
    );
  }
  if (signal !== null) return died(signal);
  const code = exitCode ?? 0;
  if (code >= signalExitCode) return died(signalName(code - signalExitCode) ?? `exit code ${code}`);
  if (code !== 0) return failureOf(code, output);
  return outputsOf(output);
}

function outputsOf({ outputs, printed }: CommandOutput): HandlerEnd {
  switch (outputs.kind) {
    case "read":
      return withBeginning(outputsEnd(outputs.bytes, "The file $SATE_OUTPUTS"), outputs.bytes);
    case "too_large":
      return tooLarge("The file $SATE_OUTPUTS");
    case "not_a_file":
      return notJson("$SATE_OUTPUTS is not a file that can be read.");
    case "absent":
      return withBeginning(outputsEnd(printed, "Standard output"), printed);
  }
}

/** Output that is not JSON is usually a message, so the user is shown how it begins. */
function withBeginning(end: HandlerEnd, bytes: Uint8Array): HandlerEnd {
  if (end.kind !== "failed" || end.error.code !== "outputs_not_json") return end;
  if (bytes.length === 0) return notJson(`${end.error.message} It is empty; print null for no outputs.`);
  return notJson(`${end.error.message} It begins with: ${shown(bytes)}`);
}

function failureOf(code: number, { lastLine, errorPath }: CommandOutput): HandlerEnd {
  const isRetryable = code === retryableExitCode ? true : undefined;
  const error = readSmallFile(errorPath, errorFileBytesMax);
  const reported = error.kind === "read" ? reportedFailure(error.bytes) : null;
  if (reported) return { ...reported, isRetryable: reported.isRetryable ?? isRetryable };
  const message = lastLine || `The command ended with exit code ${code}.`;
  return failed(`exit_${code}`, message, isRetryable);
}

function died(of: string): HandlerEnd {
  const message =
    of === "SIGKILL"
      ? "The command was killed from outside (SIGKILL), perhaps out of memory."
      : `The command ended unexpectedly (${of}).`;
  return { kind: "broken", error: { code: "process_died", message } };
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
