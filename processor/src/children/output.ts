/** How one output stream of a group is handled. */
export type Output = {
  /** Called with each chunk as it arrives, at most `bytesMax` bytes in all. The callee may keep the chunk. */
  take(chunk: Uint8Array): void;
  /** No limit if absent; then `take` must limit how much it keeps. */
  bytesMax?: number;
  /** What happens beyond `bytesMax`: the whole group is killed, or the rest is read and dropped. */
  beyond?: "kill" | "drop";
};

/**
 * Starts to read a stream at once, because Bun buffers unread output without limit. `ended` resolves at the end of the
 * stream or when `cancel` is called, and never rejects.
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
