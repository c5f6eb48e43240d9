/**
 * Limits the attempts at one exhausted request, because each is stored and published: `burst` at once, then one every
 * `everyMs`. A token bucket per request, stored as the instant at which it is full again (generic cell rate algorithm:
 * https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
 *
 * `now` is monotonic, in ms. Returns how long to wait in ms, 0 if the attempt is within the limit. In memory, so each
 * gateway counts separately, and only the latest `requestsMax` requests.
 */
export type AttemptLimit = (requestId: string, now: number) => number;

export function createAttemptLimit({
  burst = 100,
  everyMs = 1_000,
  requestsMax = 10_000,
} = {}): AttemptLimit {
  /** The most recently used is last. */
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
