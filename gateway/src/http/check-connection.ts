import { Refusal } from "./problem-response.ts";

/**
 * Throws if the connection is closed, so nothing takes effect that cannot be reported. Bun delivers a body before it
 * parses the bytes behind it in the same read. If these are trailers, a second request or not HTTP, it closes the
 * connection in this turn of the event loop, so this waits for the end of it. README, "Refusals", says what remains.
 */
export async function checkConnection({ signal }: Request): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw truncated();
}

/** Hardly any client reads this: the connection is closed. */
export function truncated(): Refusal {
  return new Refusal("malformed-json", "The request was truncated. Send it again.");
}
