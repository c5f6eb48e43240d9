import { readFileSync } from "node:fs";
import type { Addresses } from "../servers/addresses.ts";

/**
 * The JSON file that `LAYOUT` names, for tests that put proxies between any two processes: chosen ports, and detours,
 * the port that a process uses instead when it calls another.
 *
 * Names are those of processes, `processor-1`, and `kafka`, `controller`, `requests-db`, `results-db`. The broker tells
 * its clients where to connect, so each process with a detour to it has a listener of its own there, with the port
 * `kafka:<process>`, that advertises the detour. `environment` has more variables for single processes. Processes in
 * `down` do not run; this is read before each start, so a test can take one away and bring it back.
 */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

/** One more listener of the broker, which sends its clients to `advertised`. */
export type Listener = { port: number; advertised: number };

/** An empty layout without a path. Throws if the file cannot be read or has another shape. */
export function readLayout(path: string | undefined): Layout {
  if (!path) return { ports: {}, detours: {} };
  const layout = JSON.parse(readFileSync(path, "utf8")) as Layout;
  const maps = [layout.ports, ...Object.values(layout.detours ?? { none: undefined })];
  const isPort = (port: number) => Number.isInteger(port) && port > 0 && port <= 65_535;
  if (!maps.every((map) => map && Object.values(map).every(isPort)))
    throw new Error("LAYOUT must name a JSON file with ports and detours, all of them from 1 to 65535.");
  return layout;
}

export function listenersOf({ ports, detours }: Layout): Listener[] {
  return Object.entries(detours).flatMap(([name, { kafka }]) => {
    const port = ports[`kafka:${name}`];
    return kafka && port ? [{ port, advertised: kafka }] : [];
  });
}

/** The addresses that one process gets. */
export function detoured(addresses: Addresses, detours: Record<string, number>): Addresses {
  const by = (address: string, port: number | undefined) =>
    port ? address.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`) : address;
  return {
    KAFKA_BROKERS: by(addresses.KAFKA_BROKERS, detours.kafka),
    REQUESTS_MONGO_URL: by(addresses.REQUESTS_MONGO_URL, detours["requests-db"]),
    RESULTS_MONGO_URL: by(addresses.RESULTS_MONGO_URL, detours["results-db"]),
  };
}
