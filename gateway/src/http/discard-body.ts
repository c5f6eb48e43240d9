import { free } from "./read-body.ts";

const discardedBytesMax = 8 * 1024 * 1024;
const discardMsMax = 2_000;

/**
 * Reads and discards the rest of a refused body, within limits. A connection that is closed with unread bytes is reset,
 * and the client or proxy loses the response: https://www.rfc-editor.org/rfc/rfc9112#section-9.6. Bun reads them itself
 * after a response, unless the client has asked for the close, as nginx does.
 *
 * Resolves to `false` if more may follow, so that the connection must be closed. A body of declared length that is only
 * slow is left to Bun, which reads it to its end or until the idle timeout.
 */
export async function discardBody({ body, headers }: Request): Promise<boolean> {
  if (body === null) return true;
  const declared = headers.get("content-length");
  if (Number(declared) > discardedBytesMax) return false;
  const reader = body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // Ends the pending read.
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
