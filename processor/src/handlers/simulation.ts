import type { Handler } from "../ports.ts";
import { pause, type Time } from "../time.ts";

/**
 * The original's simulated processing: takes `processingMs`, then returns a pong, or fails with `force_error`.
 */
export function simulation({ processingMs, time }: { processingMs: number; time: Time }): Handler {
  return async ({ forceError, signal }) => {
    if (processingMs > 0) await pause(time, processingMs, signal);
    if (forceError) {
      return {
        kind: "failed",
        error: { code: "forced_error", message: "The execution was asked to fail." },
      };
    }
    return { kind: "succeeded", outputsJson: '{"message":"pong"}' };
  };
}
