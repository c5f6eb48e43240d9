/** What is done with one output stream of a group. */
export type Output = {
  /** Called with each chunk as it comes, at most `bytesMax` bytes in all. It is the callee's to keep. */
  take(chunk: Uint8Array): void;
  /** No limit without it; then `take` must bound what it keeps. */
  bytesMax?: number;
  /** What happens beyond `bytesMax`: the whole group is killed, or the rest is read and dropped. */
  beyond?: "kill" | "drop";
};

/**
 * Reads a stream from now on: an output that nobody reads is buffered by Bun without limit. `ended` resolves at the end
 * of the stream or when `cancel` is called, and never rejects.
 */
export function readOutput(
  stream: ReadableStream<Uint8Array>,
  { take, bytesMax = Number.POSITIVE_INFINITY }: Output,
  onExceeded: () => void,
): { ended: Promise<void>; cancel(): void } {
  const reader = stream.getReader();

  async function read(): Promise<void> {
    let left = bytesMax;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.length > left) onExceeded();
      if (left > 0) take(value.subarray(0, left));
      left -= Math.min(value.length, left);
    }
  }

  const ended = read().catch(() => {});
  return { ended, cancel: () => void reader.cancel().catch(() => {}) };
}
