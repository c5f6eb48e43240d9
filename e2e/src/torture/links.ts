import { instances, type Layout, type Scale, serviceNames } from "../system/layout.ts";
import { freePorts } from "../system/ports.ts";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";

/** One way that leaves a process. */
export type Link = { from: string; to: string; proxy: TcpProxy };

export const scale = { "requests-service": 2, processor: 4, "results-listener": 2 } satisfies Scale;

/** Not there at first: the processor that comes when there are to be four. */
export const spare = ["processor-4"];

const calls: Record<(typeof serviceNames)[number], string[]> = {
  gateway: ["requests-service", "results-service"],
  "requests-service": ["requests-db", "results-service", "kafka"],
  processor: ["requests-service", "kafka"],
  "results-listener": ["results-db", "kafka"],
  "results-service": ["results-db"],
};

export const serviceOf = (name: string) => name.replace(/-\d+$/, "");

const instancesOf = (service: string) => instances(scale).filter((name) => serviceOf(name) === service);

/** Every way that leaves a process of the cluster, by name. */
export function ways(): { from: string; to: string }[] {
  return serviceNames.flatMap((service) =>
    instancesOf(service).flatMap((from) =>
      calls[service].flatMap((to) => (to in calls ? instancesOf(to) : [to])).map((to) => ({ from, to })),
    ),
  );
}

/** Chooses all ports, and puts a proxy into every way. */
export async function makeLinks(): Promise<{ layout: Layout; links: Link[] }> {
  const all = ways();
  const servers = ["kafka", "controller", "requests-db", "results-db"];
  const processes = instances(scale).filter((name) => name !== "gateway-1");
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
