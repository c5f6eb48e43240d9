/** More turns of the event loop than whatever waits for nothing else takes. */
const turnsMax = 500;

/**
 * Resolves when `isSo` holds, asked at every turn of the event loop, and later every millisecond: what it waits for then,
 * another process or a broker, needs the CPU. Rejects after a deadline that only a fault can pass.
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
