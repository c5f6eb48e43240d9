/** When a process that ended is started again: the meaning of `restart` in compose.yaml. */
export type RestartPolicy = { kind: "never" } | { kind: "always" } | { kind: "on-failure"; triesMax: number };

/** An absent policy is "no", as in Docker. */
export function restartPolicy(text = "no"): RestartPolicy {
  const [, triesMax] = /^on-failure(?::(\d+))?$/.exec(text) ?? [];
  if (text.startsWith("on-failure")) return { kind: "on-failure", triesMax: Number(triesMax ?? Infinity) };
  // "unless-stopped" differs from "always" only when Docker itself starts again.
  if (text === "always" || text === "unless-stopped") return { kind: "always" };
  if (text === "no") return { kind: "never" };
  throw new Error(`"${text}" is not a restart policy.`);
}

/** `tries`: how often it was started again since it was last healthy. */
export function isStartedAgain(policy: RestartPolicy, exitCode: number, tries: number): boolean {
  switch (policy.kind) {
    case "never":
      return false;
    case "always":
      return true;
    case "on-failure":
      return exitCode !== 0 && tries < policy.triesMax;
  }
}

const pauseMs = { first: 500, most: 10_000 };

/** Half a second, doubling with each try up to ten: a process that cannot start must not eat the machine. */
export function backoffMs(tries: number): number {
  return Math.min(pauseMs.first * 2 ** tries, pauseMs.most);
}
