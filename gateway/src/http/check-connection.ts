import { Refusal } from "./problem-response.ts";

/**
 * Throws if the connection is closed, so that nothing takes effect that cannot be reported. Bun delivers a body before
 * it parses the bytes that follow in the same read. If they are trailers, a second request or not HTTP, Bun closes the
 * connection in this turn of the event loop; so this waits for its end. The README, "HTTP limits of Bun", lists what
 * remains.
 */
export async function checkConnection({ signal }: Request): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw truncated();
}

/** Hardly any client reads this: the connection is closed. */
export function truncated(): Refusal {
  return new Refusal("malformed-json", "The request body was truncated. Send it again.");
}
