import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { type Context, failure } from "./logged.ts";

export const failed = () => failure("trial", "It was made to fail.");

/** What the handler saw of the payload, for whoever compares it with what was sent. */
export const seen = ({ payloadText }: Context) => ({
  sha256: createHash("sha256").update(payloadText).digest("hex"),
});

export const leases = (count: number): number => Number(Bun.env.LEASE_SECONDS) * 1_000 * count;

/** Ends with the signal, at the latest after `ms`. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> =>
  setTimeout(ms, undefined, signal && { signal }).catch(() => {});
