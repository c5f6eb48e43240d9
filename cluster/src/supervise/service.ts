import type { ProcessPlan } from "../compose/plan.ts";
import type { Program } from "./supervised.ts";

/** Of our own environment, what a process needs to find its way. All else comes from compose.yaml. */
const passedOn = /^(PATH|HOME|TMPDIR|TZ)$/;
const readyMs = 1_900;

/** Ready when `/ready` says so, asked with the token that a gateway with API keys wants. */
export function serviceProgram({ name, port, command, cwd, env }: ProcessPlan): Program {
  const { HOST, SERVICE_TOKEN } = env;
  const host = HOST === "0.0.0.0" ? "127.0.0.1" : HOST;
  const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
  return {
    name,
    port,
    command,
    cwd,
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(([variable]) => passedOn.test(variable))),
      // Bun ends itself and its children when this process is gone, even by SIGKILL.
      BUN_FEATURE_FLAG_NO_ORPHANS: "1",
      ...env,
    },
    hasInput: false,
    async isReady() {
      const signal = AbortSignal.timeout(readyMs);
      return (await fetch(`http://${host}:${port}/ready`, { headers, signal })).ok;
    },
  };
}
