import { readFileSync } from "node:fs";
import type { Addresses } from "../servers/addresses.ts";
import type { Ports } from "../servers/java-servers.ts";

/**
 * The JSON file that `LAYOUT` names, for tests that put proxies between any two processes: chosen ports, and detours,
 * the port that a process uses instead when it calls another.
 *
 * Names are those of processes, `processor-1`, and `kafka`, `controller`, `requests-db`, `results-db`. The broker tells
 * its clients where to connect, so each process with a detour to it has a listener of its own there, with the port
 * `kafka:<process>`, that advertises the detour. `environment` has more variables for single processes. Processes in
 * `down` are not started, or started again; this is read before each start, so a test can take one away and bring it back.
 */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

/** One more listener of the broker, which sends its clients to `advertised`. */
export type Listener = { port: number; advertised: number };

export const noLayout: Layout = { ports: {}, detours: {} };

/** Throws if the file cannot be read or has another shape. */
export function readLayout(path: string | undefined): Layout {
  if (!path) return noLayout;
  const layout = JSON.parse(readFileSync(path, "utf8")) as Layout;
  const ports = [layout.ports, ...Object.values(layout.detours ?? {})].flatMap((map) =>
    Object.values(map ?? {}),
  );
  const isPort = (port: unknown) =>
    Number.isInteger(port) && (port as number) > 0 && (port as number) <= 65_535;
  if (!layout.ports || !layout.detours || !ports.every(isPort)) {
    throw new Error(
      "LAYOUT must name a JSON file with ports and detours, all of them ports from 1 to 65535.",
    );
  }
  return layout;
}

export function isDown(name: string, path: string | undefined): boolean {
  return readLayout(path).down?.includes(name) ?? false;
}

/** The free ports, except those that the layout chooses. */
export function chosenPorts(free: Ports, { ports }: Layout): Ports {
  return {
    kafka: ports.kafka ?? free.kafka,
    controller: ports.controller ?? free.controller,
    requestsDb: ports["requests-db"] ?? free.requestsDb,
    resultsDb: ports["results-db"] ?? free.resultsDb,
  };
}

export function listenersOf({ ports, detours }: Layout): Listener[] {
  return Object.entries(detours).flatMap(([name, { kafka }]) => {
    const port = ports[`kafka:${name}`];
    return kafka && port ? [{ port, advertised: kafka }] : [];
  });
}

/** The addresses that one process gets. */
export function detoured(addresses: Addresses, detours: Record<string, number> = {}): Addresses {
  const by = (address: string, port: number | undefined) =>
    port ? address.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`) : address;
  return {
    KAFKA_BROKERS: by(addresses.KAFKA_BROKERS, detours.kafka),
    REQUESTS_MONGO_URL: by(addresses.REQUESTS_MONGO_URL, detours["requests-db"]),
    RESULTS_MONGO_URL: by(addresses.RESULTS_MONGO_URL, detours["results-db"]),
  };
}
