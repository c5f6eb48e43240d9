const pauseMsMin = 10;
const pauseMsMax = 5_000;

/** Does `work`, and then pauses for about as long as it took. The pause ends early at a stop. */
export async function paced<T>(work: () => Promise<T>, stopping: AbortSignal): Promise<T> {
  const startAt = performance.now();
  const result = await work();
  const tookMs = performance.now() - startAt;
  await pause(Math.min(Math.max(tookMs, pauseMsMin), pauseMsMax), stopping);
  return result;
}

function pause(ms: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end(): void {
      clearTimeout(timer);
      stopping.removeEventListener("abort", end);
      resolve();
    }
    stopping.addEventListener("abort", end);
    if (stopping.aborted) end();
  });
}
