/**
 * How many attempts at one request may be refused as exhausted, for each of them is stored and published: `burst` at
 * once, then one every `everyMs`. A bucket of tokens for each request, kept as the instant at which it is full again
 * (the generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 *
 * `now` is monotonic, in ms. Returns how long to wait, 0 where the attempt is within the limit. In memory, so each
 * gateway counts for itself, and only the latest `requestsMax` requests.
 */
export type AttemptLimit = (requestId: string, now: number) => number;

export function createAttemptLimit({
  burst = 100,
  everyMs = 1_000,
  requestsMax = 10_000,
} = {}): AttemptLimit {
  /** The latest used is the last. */
  const fullAt = new Map<string, number>();

  return (requestId, now) => {
    const next = Math.max(fullAt.get(requestId) ?? now, now) + everyMs;
    const waitMs = next - now - burst * everyMs;
    if (waitMs > 0) return waitMs;
    fullAt.delete(requestId);
    fullAt.set(requestId, next);
    if (fullAt.size > requestsMax) fullAt.delete(fullAt.keys().next().value ?? "");
    return 0;
  };
}
