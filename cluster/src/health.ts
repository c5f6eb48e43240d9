/** The times of a health check, and how many failures in a row make a process unhealthy. */
export type HealthRules = {
  intervalMs: number;
  timeoutMs: number;
  retries: number;
  startPeriodMs: number;
  startIntervalMs: number;
};

/**
 * A process is *starting* until its first good check, or until it failed too often after its start period; then it is
 * *healthy* or *unhealthy*. As Docker does it.
 */
export type Health = { state: "starting" | "healthy" | "unhealthy"; failures: number };

export const atStart: Health = { state: "starting", failures: 0 };

/** `ageMs`: how long ago the process was started. */
export function afterCheck(health: Health, isGood: boolean, ageMs: number, rules: HealthRules): Health {
  if (isGood) return { state: "healthy", failures: 0 };
  if (health.state === "starting" && ageMs < rules.startPeriodMs) return health;
  const failures = health.failures + 1;
  return { state: failures >= rules.retries ? "unhealthy" : health.state, failures };
}

/** The pause before the next check. */
export function nextCheckMs(health: Health, ageMs: number, rules: HealthRules): number {
  return health.state === "starting" && ageMs < rules.startPeriodMs
    ? rules.startIntervalMs
    : rules.intervalMs;
}
