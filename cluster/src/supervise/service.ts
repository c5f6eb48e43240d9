import type { ProcessPlan } from "../compose/plan.ts";
import type { Program } from "./supervised.ts";

/** What a process inherits from our environment. Everything else comes from compose.yaml. */
const inherited = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"];
const readyMs = 1_900;

/** Ready when `/ready` says so. The token is for a gateway with API keys. */
export function serviceProgram({ name, port, command, cwd, env }: ProcessPlan): Program {
  const { HOST, SERVICE_TOKEN } = env;
  const url = `http://${HOST === "0.0.0.0" ? "127.0.0.1" : HOST}:${port}/ready`;
  const headers = { authorization: `Bearer ${SERVICE_TOKEN}` };
  return {
    ...{ name, port, command, cwd },
    env: {
      ...Object.fromEntries(inherited.map((variable) => [variable, process.env[variable]])),
      // Bun ends itself and its children when this process is gone, even by SIGKILL.
      BUN_FEATURE_FLAG_NO_ORPHANS: "1",
      ...env,
    },
    hasInput: false,
    isReady: async () => (await fetch(url, { headers, signal: AbortSignal.timeout(readyMs) })).ok,
  };
}
