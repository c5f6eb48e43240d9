/** Tries until it is true or the time is over. Returns whether it became true. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  deadlineMs: number,
  everyMs = 50,
): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (!(await isTrue())) {
    if (performance.now() > end) return false;
    await Bun.sleep(everyMs);
  }
  return true;
}

/** The value, or `undefined` when it did not come in time. */
export async function inTime<T>(value: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  let timer: Timer | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, undefined);
  });
  return Promise.race([value, late]).finally(() => clearTimeout(timer));
}
