import { createServer } from "node:net";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";

/** One way that leaves a process. */
export type Link = { from: string; to: string; proxy: TcpProxy };

/** The file that `cluster` reads as LAYOUT, see cluster/src/layout.ts. */
export type Layout = {
  ports: Record<string, number>;
  detours: Record<string, Record<string, number>>;
  environment?: Record<string, Record<string, string>>;
  down?: string[];
};

export const scale = {
  gateway: 1,
  "requests-service": 2,
  processor: 4,
  "results-listener": 2,
  "results-service": 1,
};

/** Not there at first: the processor that comes when there are to be four. */
export const spare = ["processor-4"];

const calls: Record<keyof typeof scale, string[]> = {
  gateway: ["requests-service", "results-service"],
  "requests-service": ["requests-db", "results-service", "kafka"],
  processor: ["requests-service", "kafka"],
  "results-listener": ["results-db", "kafka"],
  "results-service": ["results-db"],
};

const instancesOf = (service: string) =>
  Array.from({ length: scale[service as keyof typeof scale] ?? 0 }, (_, at) => `${service}-${at + 1}`);

/** Whether a process of this name is no service of ours. */
export const isServer = (name: string) => name === "kafka" || name === "mongo";

/** The names of all processes that speak HTTP. */
export const instances = () => Object.keys(scale).flatMap(instancesOf);

/** Every way that leaves a process of the cluster, by name. */
export function ways(): { from: string; to: string }[] {
  return Object.entries(calls).flatMap(([service, called]) =>
    instancesOf(service).flatMap((from) =>
      called.flatMap((to) => (to in scale ? instancesOf(to) : [to])).map((to) => ({ from, to })),
    ),
  );
}

/** Chooses all ports, and puts a proxy into every way. */
export async function makeLayout(): Promise<{ layout: Layout; links: Link[] }> {
  const all = ways();
  const servers = ["kafka", "controller", "requests-db", "results-db"];
  const processes = instances().filter((name) => name !== "gateway-1");
  const listeners = all.filter(({ to }) => to === "kafka").map(({ from }) => `kafka:${from}`);
  const names = [...servers, ...processes, ...listeners];
  const free = await freePorts(names.length);
  const ports = Object.fromEntries(names.map((name, at) => [name, free[at] as number]));
  const detours: Layout["detours"] = {};
  const links: Link[] = [];
  for (const { from, to } of all) {
    const proxy = await tcpProxy(0, ports[to === "kafka" ? `kafka:${from}` : to] as number);
    links.push({ from, to, proxy });
    detours[from] = { ...detours[from], [to]: proxy.port };
  }
  return { layout: { ports, detours }, links };
}

/** Below the range from which systems take the ports of outgoing connections, which could have ours while it restarts. */
const portsFrom = { least: 12_000, most: 32_000 };
const triesMax = 5_000;

/** Ports that nobody listens on, all different. Throws if there are not enough. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; tries < triesMax && found.size < count; tries++) {
    const port = portsFrom.least + Math.floor(Math.random() * (portsFrom.most - portsFrom.least));
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new Error("there are not enough free ports");
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once("error", () => resolve(false))
      .listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
