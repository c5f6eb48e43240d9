import type { RetryPolicy } from "@sate/contracts";

const [second, minute, hour] = [1_000, 60_000, 3_600_000];

/**
 * The pauses between the tries of a delivery, which end about 28 hours after the first.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability
 */
const pausesMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 10 * hour];
/** The part of a pause that jitter adds at most, so that a receiver that comes back is not called by all at once. */
const jitterShare = 0.1;
/** A receiver may ask for a longer pause, up to this one. */
const retryAfterMsMax = 10 * hour;

/** The handler itself asks for each pause, which this policy therefore keeps short. */
export const deliveryRetry: RetryPolicy = {
  tries: pausesMs.length + 1,
  first_seconds: 0.1,
  max_seconds: 0.1,
};

/** Longer than all tries with the longest pauses take: a delivery never ends because of its deadline before. */
export const deliveryTimeoutSeconds = 7 * 86_400;

/** Whether there is no try after this one (1, 2, …). */
export function isLastTry(tryNumber: number): boolean {
  return tryNumber > pausesMs.length;
}

/**
 * The pause after the failed try number `tryNumber`, in ms: that of the schedule with jitter, or as long as the receiver
 * asks for if that is longer. `random`: at least 0 and less than 1.
 */
export function pauseMs(tryNumber: number, retryAfterMs: number, random: number): number {
  const scheduled = (pausesMs[tryNumber - 1] ?? 0) * (1 + jitterShare * random);
  return Math.ceil(Math.max(scheduled, Math.min(retryAfterMs, retryAfterMsMax)));
}
