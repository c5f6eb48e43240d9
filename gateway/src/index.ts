import { createLifecycle } from "@sate/contracts/runtime";
import { createApp } from "./app.ts";
import type { Config, Ports } from "./ports.ts";

export { accessProblems, loadAccess } from "./access/settings.ts";
export type { Closure, MovePage, MoveSource, MoveState } from "./move/port.ts";
export type { Config, Ports } from "./ports.ts";
export { addressOf } from "./routes/welcome.ts";

/**
 * Bun must let bodies of any size through: the gateway itself stops reading one that is too large, and responds with a
 * problem; Bun would respond with a bare status.
 */
export const serverBodyBytesMax = Number.MAX_SAFE_INTEGER;

/** Looking up an id that does not exist costs one index lookup and shows that the database responds. */
const probeId = "00000000-0000-0000-0000-000000000000";

/**
 * The public API. `app` is its HTTP interface, which never listens by itself and responds at any time. `start` resolves
 * when the gateway is ready, however long its dependencies take. `stop` is safe at any time, and twice.
 * `notReadyReasons` are sentences.
 */
export function createGateway(ports: Ports, config: Config) {
  const { requests, results, log } = ports;
  const request_id = probeId;
  const probes = {
    "requests-service": () => requests.getRequest({ request_id }),
    "results-service": () => results.resultsOfExecution({ request_id, execution_id: probeId }),
  };
  const dependencies = Object.entries<() => Promise<unknown>>(probes).map(([name, probe]) => {
    return { name, probe, reason: `${name} does not respond.` };
  });
  const { notReadyReasons, start, stop } = createLifecycle({
    log,
    dependencies,
    onStart: (connect) =>
      Promise.all(dependencies.map(({ name, probe, reason }) => connect(name, probe, reason))),
    onStop: async () => {},
    reasons: () => ports.othersNotReady?.() ?? [],
  });
  const waits = new AbortController();
  /** While the server is closed that is the only reason: its services may have been stopped. */
  async function reasons(): Promise<string[]> {
    const closure = ports.closed?.();
    return closure ? [closure.detail] : notReadyReasons();
  }
  return {
    app: createApp(ports, config, { notReadyReasons: reasons, stopping: waits.signal }),
    notReadyReasons: reasons,
    start,
    /** Ends event streams, waiting claims and waiting responses. Must be called first when the service stops. */
    endWaits: () => waits.abort(),
    stop,
  };
}
