import { errorFields, type LogFields } from "@sate/contracts/runtime";
import type { HandlerEnd } from "../ports.ts";

/** How a run came to its end. */
export type RunEnd =
  | HandlerEnd
  /** The handler gave something that is not a `HandlerEnd`. */
  | { kind: "invalid" }
  /** `name` is the class of what it threw. */
  | { kind: "threw"; name: string }
  | { kind: "timeout"; deadlineMs: number }
  | { kind: "cancelled" }
  | { kind: "unknown_processor" };

/**
 * What a handler resolved to, copied into plain data: handlers are code of others, in which types do not hold, a
 * getter may throw or return something else the next time, and only this process may say `cancelled` or `timeout`.
 * Throws what a getter throws.
 */
export function readHandlerEnd(given: unknown): RunEnd {
  const { kind, outputsJson, error } = (given ?? {}) as Record<string, unknown>;
  if (kind === "succeeded" && typeof outputsJson === "string") return { kind, outputsJson };
  if (kind !== "failed") return { kind: "invalid" };
  const { code, message } = (error ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || code === "" || typeof message !== "string") return { kind: "invalid" };
  return { kind, error: { code, message } };
}

/**
 * What a handler threw: for the reader of a result its class, since its text may hold a secret; for the log also
 * codes and causes. Never throws, whatever it was.
 */
export function readThrown(thrown: unknown): { name: string; fields: LogFields } {
  try {
    const given: unknown = thrown instanceof Error ? thrown.name : typeof thrown;
    const name = typeof given === "string" && /^[A-Za-z0-9_$]{1,60}$/.test(given) ? given : "Error";
    return { name, fields: { ...errorFields(thrown), error: name } };
  } catch {
    return { name: "Error", fields: { error: "Error" } };
  }
}
