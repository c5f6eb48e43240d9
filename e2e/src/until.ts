/** Asks again and again until there is an answer, and returns that; throws after the deadline. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  everyMs = 20,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  let lastError: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await Bun.sleep(everyMs);
  }
  throw new Error(`not within ${deadlineMs / 1_000} s: ${what}`, { cause: lastError });
}

/** Whether the answer is yes within the deadline. */
export function isWithin(deadlineMs: number, ask: () => Promise<boolean> | boolean): Promise<boolean> {
  return until("", deadlineMs, ask, 100).catch(() => false);
}
