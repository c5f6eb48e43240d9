import { instances, type Layout, type Scale, serviceNames } from "../system/layout.ts";
import { freePorts } from "../system/ports.ts";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";

/** A connection out of a process. */
export type Link = { from: string; to: string; proxy: TcpProxy };

export const scale = { "requests-service": 2, processor: 4, "results-listener": 2 } satisfies Scale;

/** Held back, except while there are to be four processors. */
export const spare = ["processor-4"];

const calls: Record<(typeof serviceNames)[number], string[]> = {
  gateway: ["requests-service", "results-service"],
  "requests-service": ["requests-db", "results-service", "results-listener", "kafka"],
  processor: ["requests-service", "kafka"],
  "results-listener": ["results-db", "kafka"],
  "results-service": ["results-db"],
};

export const serviceOf = (name: string) => name.replace(/-\d+$/, "");

const instancesOf = (service: string) => instances(scale).filter((name) => serviceOf(name) === service);

/** Every connection out of a process of the cluster, by name. */
export function ways(): { from: string; to: string }[] {
  return serviceNames.flatMap((service) =>
    instancesOf(service).flatMap((from) =>
      calls[service].flatMap((to) => (to in calls ? instancesOf(to) : [to])).map((to) => ({ from, to })),
    ),
  );
}

/** Chooses all ports, and starts a proxy for every link. */
export async function makeLinks(): Promise<{ layout: Layout; links: Link[] }> {
  const servers = ["kafka", "controller", "requests-db", "results-db"];
  const processes = instances(scale).filter((name) => name !== "gateway-1");
  const targetOf = ({ from, to }: { from: string; to: string }) => (to === "kafka" ? `kafka:${from}` : to);
  const names = [...new Set([...servers, ...processes, ...ways().map(targetOf)])];
  const free = await freePorts(names.length);
  const ports = Object.fromEntries(names.map((name, at) => [name, free[at] as number]));
  const detours: Layout["detours"] = {};
  const links: Link[] = [];
  for (const way of ways()) {
    const { from, to } = way;
    const proxy = await tcpProxy(ports[targetOf(way)] as number);
    links.push({ from, to, proxy });
    detours[from] = { ...detours[from], [to]: proxy.port };
  }
  return { layout: { ports, detours }, links };
}
