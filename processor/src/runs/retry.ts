import { type RetryPolicy, retryDelayMs } from "@sate/contracts";
import type { HandlerVerdict } from "./outcome.ts";

/**
 * How long to wait, in ms, before the next try of an execution, after try `tryNumber` ended with this verdict; `null`
 * if there is no next try and this end is the outcome. Pure. There is a next try if the processor has retries and has
 * tries left, if the failure is retryable, and if the pause ends before the deadline, which is `leftMs` away. The pause
 * is that of the policy, or as long as the handler asks for if that is longer. `random` is at least 0 and less than 1.
 */
export function retryPauseMs(
  { isRetryable, retryAfterMs }: Pick<HandlerVerdict, "isRetryable" | "retryAfterMs">,
  state: { policy: RetryPolicy | undefined; tryNumber: number; leftMs: number; random: number },
): number | null {
  const { policy, tryNumber, leftMs, random } = state;
  if (policy === undefined || !isRetryable || tryNumber >= policy.tries) return null;
  const pauseMs = Math.max(retryDelayMs(policy, tryNumber, random), Math.ceil(retryAfterMs));
  return pauseMs < leftMs ? pauseMs : null;
}
