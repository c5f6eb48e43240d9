/** Asks until the result is neither `undefined` nor `false`, and returns it. Throws after the deadline. */
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
      const result = await ask();
      if (result !== undefined && result !== false) return result;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    await Bun.sleep(everyMs);
  }
  throw new Error(`not within ${deadlineMs / 1_000} s: ${what}`, { cause: lastError });
}

/** Whether it becomes true within the deadline. An error counts as not yet. */
export function isWithin(
  deadlineMs: number,
  ask: () => Promise<boolean> | boolean,
  everyMs = 100,
): Promise<boolean> {
  return until("", deadlineMs, ask, everyMs).catch(() => false);
}
