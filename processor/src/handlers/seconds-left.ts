import type { HandlerRun } from "../ports.ts";

/** What is left of the deadline in whole seconds, at least 1: many programs take 0 for "no limit". */
export function secondsLeft({ deadlineMs }: HandlerRun): number {
  return Math.max(Math.floor(deadlineMs / 1_000), 1);
}
