/** The lease of torture. Some trial processors run longer. */
export const trialLeaseMs = 3_000;

/** The processor that a remote worker serves. */
export const remoteTrial = "trial-remote";

/**
 * A processor that torture uses: a file of processors/, or a route of trial-endpoint.ts. `ends`: how its executions may
 * end, as "succeeded" or by the code of their error. `share`: how many of 10,000 requests name it.
 */
export type Trial = { name: string; share: number; ends: string[] };

/** These are the faults F17 and F18. All other requests name the first one. */
export const trials: Trial[] = [
  { name: "trial-fast", share: 0, ends: ["succeeded"] },
  { name: "trial-probe", share: 0, ends: ["succeeded"] },
  { name: "trial-slow", share: 250, ends: ["succeeded"] },
  { name: "trial-flaky", share: 1_200, ends: ["succeeded", "trial"] },
  { name: "trial-retried", share: 300, ends: ["succeeded"] },
  { name: "trial-failing", share: 800, ends: ["trial"] },
  { name: "trial-throwing", share: 500, ends: ["unexpected_error"] },
  { name: "trial-hanging", share: 100, ends: ["timeout"] },
  { name: "trial-deaf", share: 30, ends: ["timeout"] },
  { name: "trial-spin", share: 20, ends: ["timeout"] },
  { name: "trial-large", share: 200, ends: ["outputs_too_large"] },
  { name: "trial-exit", share: 30, ends: ["process_died"] },
  { name: "trial-poison", share: 20, ends: ["process_died"] },
  { name: "trial-signal", share: 15, ends: ["process_died"] },
  { name: "trial-segfault", share: 15, ends: ["process_died"] },
  { name: "trial-memory", share: 8, ends: ["process_died", "unexpected_error"] },
  { name: "trial-gigabyte", share: 5, ends: ["succeeded"] },
  { name: "trial-children", share: 30, ends: ["succeeded"] },
  { name: "trial-command-fast", share: 100, ends: ["succeeded"] },
  { name: "trial-command-flaky", share: 40, ends: ["succeeded"] },
  { name: "trial-command-hanging", share: 20, ends: ["timeout"] },
  { name: "trial-command-killed", share: 20, ends: ["process_died"] },
  { name: "trial-command-memory", share: 8, ends: ["process_died", "exit_1"] },
  { name: "trial-command-gigabyte", share: 5, ends: ["outputs_too_large"] },
  { name: "trial-command-children", share: 20, ends: ["succeeded"] },
  { name: "trial-http-fast", share: 200, ends: ["succeeded"] },
  { name: "trial-http-flaky", share: 60, ends: ["succeeded"] },
  { name: "trial-http-hanging", share: 30, ends: ["timeout"] },
  { name: remoteTrial, share: 150, ends: ["succeeded"] },
];
