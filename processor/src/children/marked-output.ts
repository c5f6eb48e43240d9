/**
 * Tells which output of a child belongs to which question. The child prints `marker`, a random text, at the end of
 * each, so all output before it belongs to that question, although output and messages arrive in any order. `take` gets
 * the text without the markers.
 */
export function markedOutput(marker: string, take: (text: string) => void) {
  const decoder = new TextDecoder();
  let held = "";
  let reached = Promise.withResolvers<void>();

  function emit(length: number, skip = 0): void {
    if (length > 0) take(held.slice(0, length));
    held = held.slice(length + skip);
  }

  return {
    take(chunk: Uint8Array): void {
      held += decoder.decode(chunk, { stream: true });
      for (let at = held.indexOf(marker); at >= 0; at = held.indexOf(marker)) {
        emit(at, marker.length);
        reached.resolve();
      }
      // Text that may be the beginning of a marker waits for the rest.
      const start = held.lastIndexOf(marker.slice(0, 1));
      emit(start < 0 || held.length - start >= marker.length ? held.length : start);
    },
    /** Resolves at the next marker. */
    next(): Promise<void> {
      reached = Promise.withResolvers();
      return reached.promise;
    },
  };
}
