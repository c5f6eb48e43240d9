/** Resolves when `isSo` holds, asked at every turn of the event loop; rejects after a deadline that only a fault can pass. */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  what: string,
  deadlineMs = 5_000,
): Promise<void> {
  const endsAt = performance.now() + deadlineMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`it did not come to this: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets everything happen that waits for nothing but its turn: promises and a few rounds of the event loop. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
