import type { ModuleRun } from "../handlers/module/run.ts";
import type { AbortReason } from "../ports.ts";

/** One run, as it is passed to a child. */
export type RunMessage = { kind: "run" } & Omit<ModuleRun, "signal" | "progress" | "log">;

/** What a child is asked to do, one after the other. `marker` is printed when it is done: see `markedOutput`. */
export type Question = (RunMessage | { kind: "describe" }) & { marker: string };

export type ToChild =
  | Question
  | { kind: "abort"; why: AbortReason }
  /** The last reply has arrived. Before that the child must not exit, as Bun may lose its last message. */
  | { kind: "received" };

export type FromChild =
  | { kind: "progress"; fraction: number; message?: string | undefined }
  /** `isReusable`: the child may be asked again. */
  | { kind: "reply"; body: unknown; isReusable: boolean }
  /** Nothing was done: something threw after the last run, so another child must be asked. */
  | { kind: "refused" }
  /** The module does not load. The child exits when that is acknowledged. */
  | { kind: "unloadable"; reason: string };
