/** Waits until `condition` holds, or fails with `what` after the deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const endAt = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endAt) throw new Error(`not in ${deadlineMs} ms: ${what}`);
    await Bun.sleep(10);
  }
}
