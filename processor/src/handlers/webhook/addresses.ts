import { BlockList, isIP } from "node:net";
import { webhookSettings } from "@sate/contracts";

/** Whether a webhook may call an address. */
export type AddressPolicy = {
  /**
   * Whether the receiver at `host`, a name or an address as in a URL, may be called at this address. A public one may,
   * over https; every other only if it is allowed by its name, its address or its network, and then also over http.
   */
  allows(target: { protocol: string; host: string; address: string }): boolean;
};

/** Special-purpose networks of IPv4. https://www.iana.org/assignments/iana-ipv4-special-registry/ */
const notPublic4 = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // shared by carriers (CGNAT)
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, with the metadata services of clouds
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and broadcast
] as const;

/**
 * Of IPv6 only global unicast, 2000::/3, is public, without these. So mapped IPv4 addresses, NAT64, loopback, unique
 * local, link-local and multicast addresses are not. https://www.iana.org/assignments/iana-ipv6-special-registry/
 */
const globalUnicast = ["2000::", 3] as const;
const notPublic6 = [
  ["2001::", 23], // protocol assignments, with Teredo
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4, which contains an IPv4 address
  ["3fff::", 20], // documentation
] as const;

const [special4, global6, special6] = [new BlockList(), new BlockList(), new BlockList()];
for (const [network, prefix] of notPublic4) special4.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of notPublic6) special6.addSubnet(network, prefix, "ipv6");
global6.addSubnet(...globalUnicast, "ipv6");

/** Whether an address is one of the public internet. `false` for what is no address. */
export function isPublic(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !special4.check(address, "ipv4");
    case 6:
      return global6.check(address, "ipv6") && !special6.check(address, "ipv6");
    default:
      return false;
  }
}

/** The policy of a list of names, addresses and networks: WEBHOOK_ALLOW. */
export function addressPolicy(list: string): AddressPolicy {
  const allowed = readList(list);
  if (allowed === null) throw new Error("the list of allowed addresses was not checked");
  const { names, networks } = allowed;
  return {
    allows({ protocol, host, address }) {
      const family = isIP(address);
      if (family === 0) return false;
      if (names.has(plainName(host)) || networks.check(address, family === 4 ? "ipv4" : "ipv6")) return true;
      return protocol === "https:" && isPublic(address);
    },
  };
}

/** What is wrong with WEBHOOK_ALLOW in an environment, as sentences without its value. */
export function webhookProblems(env: Record<string, string | undefined>): string[] {
  return readList(env.WEBHOOK_ALLOW ?? "") === null ? [`WEBHOOK_ALLOW must be ${description}.`] : [];
}

const { description } = webhookSettings.WEBHOOK_ALLOW;

/** `null` if an entry is neither a name nor an address nor a network. */
function readList(list: string): { names: Set<string>; networks: BlockList } | null {
  const names = new Set<string>();
  const networks = new BlockList();
  for (const entry of list.split(",").map((one) => one.trim())) {
    const [host = "", prefix, ...rest] = entry.split("/");
    const family = isIP(host);
    const bits = family === 4 ? 32 : 128;
    const isNetwork =
      family !== 0 &&
      rest.length === 0 &&
      /^\d{1,3}$/.test(prefix ?? `${bits}`) &&
      Number(prefix ?? bits) <= bits;
    if (isNetwork) networks.addSubnet(host, Number(prefix ?? bits), family === 4 ? "ipv4" : "ipv6");
    else if (hostName.test(entry)) names.add(plainName(entry));
    else if (entry !== "") return null;
  }
  return { names, networks };
}

/** With a letter in its last label: one of digits and dots is a mistyped address. */
const hostName = /^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9-]*[a-z][a-z0-9-]*\.?$/i;

/** As names are compared: in lower case, without the dot of the root. */
function plainName(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}
