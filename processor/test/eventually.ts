/** More turns of the event loop than any work takes that waits for nothing outside the process. */
const turnsMax = 500;

/**
 * Resolves once `isSo` holds. Checks at every turn of the event loop at first, and then every millisecond, to leave the CPU
 * to the process or broker that it waits for. Rejects after a deadline that is exceeded only if something is broken.
 */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 5_000,
): Promise<void> {
  const endsAt = performance.now() + deadlineMs;
  for (let turn = 0; !(await isSo()); turn++) {
    if (performance.now() > endsAt) throw new Error(`it did not come to this: ${what}`);
    if (turn < turnsMax) await new Promise((resolve) => setImmediate(resolve));
    else await Bun.sleep(1);
  }
}

/** Lets everything happen that waits for nothing but its turn: promises and a few rounds of the event loop. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
