import { readFileSync } from "node:fs";
import type { Addresses } from "./addresses.ts";
import type { Ports } from "./java-servers.ts";

/**
 * Ports that whoever starts the cluster has chosen, and detours: where a process goes instead when it calls another.
 * For a test that stands between any two of them with proxies of its own. A JSON file that `LAYOUT` names.
 *
 * Names are those of processes, `processor-1`, and `kafka`, `controller`, `requests-db`, `results-db`. Clients of Kafka
 * go where the broker tells them, so each process with a detour to it has a listener there, `kafka:<process>`, that
 * tells it the detour. `environment` has more variables for single processes. Those in `down` are not started, nor
 * started again; the file is read for this each time, so that whoever wrote it can take a process away and bring it back.
 */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

/** A listener of the broker beside its own; it sends its clients to `advertised`. */
export type Listener = { port: number; advertised: number };

export const noLayout: Layout = { ports: {}, detours: {} };

/** Throws if the file cannot be read or does not have the shape. */
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

/** The free ports, but for those that the layout chooses. */
export function serverPorts(free: Ports, { ports }: Layout): Ports {
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

/** The addresses as one process is to see them. */
export function detoured(addresses: Addresses, detours: Record<string, number> = {}): Addresses {
  const by = (address: string, port: number | undefined) =>
    port ? address.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`) : address;
  return {
    KAFKA_BROKERS: by(addresses.KAFKA_BROKERS, detours.kafka),
    REQUESTS_MONGO_URL: by(addresses.REQUESTS_MONGO_URL, detours["requests-db"]),
    RESULTS_MONGO_URL: by(addresses.RESULTS_MONGO_URL, detours["results-db"]),
  };
}
