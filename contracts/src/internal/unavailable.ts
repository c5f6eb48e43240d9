const brand = Symbol.for("sate.unavailable");

/**
 * - no_response: no usable response in time: unreachable, too slow, stopping, overloaded, or its own database or
 *   broker did not respond. The operation may or may not have taken effect. A later call, or one to another
 *   replica, may succeed.
 * - unexpected_response: it responded, but not as the contract says: another status, or a body that does not match.
 *   The same call would most likely fail again, perhaps because of one item in it.
 * - not_done: the operation certainly had no effect: its transaction was rolled back, or it never began.
 */
type UnavailableReason = "no_response" | "unexpected_response" | "not_done";

/**
 * How a call to another service, a database or the broker rejects when it has no result. It is an
 * infrastructure failure: the adapter that sees it creates it once, and only a loop or a route handles it. The
 * message names the dependency and says what happened, for the log; it is never shown to clients.
 */
export class Unavailable extends Error {
  override name = "Unavailable";
  readonly [brand] = true;
  readonly reason: UnavailableReason;

  constructor(message: string, options: { cause?: unknown; reason?: UnavailableReason } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.reason = options.reason ?? "no_response";
  }
}

/**
 * Whether `error` is an `Unavailable`. By brand, because `instanceof` fails between copies of this package, and each
 * service has its own, also when several run in one process.
 */
export function isUnavailable(error: unknown): error is Unavailable {
  return typeof error === "object" && error !== null && brand in error;
}
