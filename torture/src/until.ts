/** Asks again and again until the answer is yes; answers whether it came to that within the deadline. */
export async function until(deadlineMs: number, ask: () => Promise<boolean> | boolean): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  while (performance.now() < end) {
    if (await Promise.resolve(ask()).catch(() => false)) return true;
    await Bun.sleep(100);
  }
  return false;
}
