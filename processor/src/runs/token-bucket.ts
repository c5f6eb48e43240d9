/** How long tokens may accumulate beyond one, so that late starts do not lower the rate. */
const slackSeconds = 0.25;

/**
 * A token bucket that allows at most `perMinute` starts within any minute, spread evenly. Times are ms of a monotonic
 * clock. It starts full. Within a minute it can give the tokens that it holds and those that flow in: together one more
 * than `perMinute`, but the last one is never complete within the minute.
 * https://en.wikipedia.org/wiki/Token_bucket
 */
export function createTokenBucket(perMinute: number, startsAt: number) {
  const capacity = 1 + (perMinute / 60) * slackSeconds;
  const tokensPerMs = (perMinute + 1 - capacity) / 60_000;
  let tokens = capacity;
  let at = startsAt;

  function fill(now: number): void {
    tokens = Math.min(tokens + (now - at) * tokensPerMs, capacity);
    at = now;
  }

  return {
    perMinute,
    /** How many may start now. */
    available(now: number): number {
      fill(now);
      return Math.max(Math.floor(tokens), 0);
    },
    /** Takes a token, even if none is available yet. */
    take(now: number): void {
      fill(now);
      tokens--;
    },
  };
}

export type TokenBucket = ReturnType<typeof createTokenBucket>;
