import { free } from "./read-body.ts";

const discardedBytesMax = 8 * 1024 * 1024;
const discardMsMax = 2_000;

/**
 * Reads and discards what a refusal has left of a body, within bounds. A connection that is closed over unread bytes is
 * reset, and the client or proxy loses the response: https://www.rfc-editor.org/rfc/rfc9112#section-9.6. Bun reads them
 * itself after a response, but not where the client asks for the close, as nginx does.
 *
 * Resolves to `false` where more may come than is read, so the connection must be closed. A body of a declared length
 * that is only slow is left to Bun, which reads it to its end or until the idle timeout.
 */
export async function discardBody({ body, headers }: Request): Promise<boolean> {
  if (body === null) return true;
  const declared = headers.get("content-length");
  if (Number(declared) > discardedBytesMax) return false;
  const reader = body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // Ends the read that is pending.
    reader.cancel().catch(() => {});
  }, discardMsMax);
  try {
    for (let size = 0; size <= discardedBytesMax; ) {
      const { done, value } = await reader.read();
      if (done) return !isLate || declared !== null;
      size += value.length;
      free([value]);
    }
    return false;
  } catch {
    // The connection broke.
    return false;
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}
