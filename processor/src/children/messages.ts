import type { ModuleRun } from "../handlers/module/run.ts";
import type { AbortReason } from "../ports.ts";

/** One run, as it is passed to a child. */
export type RunMessage = { kind: "run" } & Omit<ModuleRun, "signal" | "progress" | "log">;

/** A question to a child, which handles one at a time. It prints `marker` when it is done: see `markedOutput`. */
export type Question = (RunMessage | { kind: "describe" }) & { marker: string };

export type ToChild =
  | Question
  | { kind: "abort"; why: AbortReason }
  /** The last reply has arrived. The child must not exit before that, because Bun may lose its last message. */
  | { kind: "received" };

export type FromChild =
  | { kind: "progress"; fraction: number; message?: string | undefined }
  /** `isReusable`: the child may be asked again. */
  | { kind: "reply"; body: unknown; isReusable: boolean }
  /** The child did nothing, because an error was thrown after its last run. Ask another child. */
  | { kind: "refused" }
  /** The module cannot be loaded. The child exits when this is acknowledged. */
  | { kind: "unloadable"; reason: string };
