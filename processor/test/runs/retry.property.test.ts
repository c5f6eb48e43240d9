import { expect, test } from "bun:test";
import { limits, type RetryPolicy } from "@sate/contracts";
import fc from "fast-check";
import { retryPauseMs } from "../../src/runs/retry.ts";

const seconds = fc.double({ min: 0.1, max: 86_400, noNaN: true });
const policies: fc.Arbitrary<RetryPolicy> = fc.record({
  tries: fc.integer({ min: 1, max: limits.triesMax }),
  first_seconds: seconds,
  max_seconds: seconds,
});
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const retryable = { isRetryable: true, retryAfterMs: 0 };
const forEver = Number.POSITIVE_INFINITY;

test("an execution whose tries all fail has exactly as many tries as the policy allows, whatever the pauses", () => {
  fc.assert(
    fc.property(policies, fc.infiniteStream(randoms), (policy, random) => {
      let tries = 1;
      const next = () => ({ policy, tryNumber: tries, leftMs: forEver, random: random.next().value });
      while (retryPauseMs(retryable, next()) !== null) tries++;
      expect(tries).toBe(policy.tries);
    }),
  );
});

test("all pauses together end before the deadline, without assuming how long tries take", () => {
  const tryMs = fc.infiniteStream(fc.integer({ min: 0, max: 60_000 }));
  const deadlines = fc.integer({ min: 1, max: 86_400_000 });
  fc.assert(
    fc.property(
      policies,
      fc.infiniteStream(randoms),
      tryMs,
      deadlines,
      (policy, random, took, deadlineMs) => {
        let now = took.next().value;
        for (let tryNumber = 1; ; tryNumber++) {
          const leftMs = deadlineMs - now;
          const pauseMs = retryPauseMs(retryable, { policy, tryNumber, leftMs, random: random.next().value });
          if (pauseMs === null) return;
          now += pauseMs;
          expect(now).toBeLessThan(deadlineMs);
          now += took.next().value;
        }
      },
    ),
  );
});

test("a pause is a whole number of ms, at least a tenth of the first and at most its exponential ceiling", () => {
  const numbers = fc.integer({ min: 1, max: limits.triesMax - 1 });
  fc.assert(
    fc.property(policies, numbers, randoms, (policy, tryNumber, random) => {
      const lasting = { ...policy, tries: limits.triesMax };
      const pauseMs = retryPauseMs(retryable, { policy: lasting, tryNumber, leftMs: forEver, random });
      const { first_seconds: first, max_seconds: most } = policy;
      const ceiling = Math.max(Math.min(first * 2 ** (tryNumber - 1), most), first / 10);
      expect(Number.isInteger(pauseMs)).toBe(true);
      expect(pauseMs).toBeGreaterThanOrEqual(first * 100);
      expect(pauseMs).toBeLessThanOrEqual(Math.ceil(ceiling * 1_000));
    }),
  );
});

test("a pause is as long as the handler requests, and one that would exceed the deadline is not started", () => {
  const asked = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(policies, asked, randoms, fc.integer({ min: 0 }), (policy, retryAfterMs, random, leftMs) => {
      const state = { policy: { ...policy, tries: 2 }, tryNumber: 1, leftMs, random };
      const pauseMs = retryPauseMs({ isRetryable: true, retryAfterMs }, state);
      const without = retryPauseMs(retryable, { ...state, leftMs: forEver }) as number;
      const wanted = Math.max(Math.ceil(retryAfterMs), without);
      expect(pauseMs).toBe(wanted < leftMs ? wanted : null);
    }),
  );
});

test("a failure is not retried if it is not retryable or its processor has no retries", () => {
  fc.assert(
    fc.property(policies, randoms, (policy, random) => {
      const state = { tryNumber: 1, leftMs: forEver, random };
      expect(retryPauseMs({ ...retryable, isRetryable: false }, { ...state, policy })).toBeNull();
      expect(retryPauseMs(retryable, { ...state, policy: undefined })).toBeNull();
    }),
  );
});
