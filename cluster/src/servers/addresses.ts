import { createServer } from "node:net";

const names = ["KAFKA_BROKERS", "REQUESTS_MONGO_URL", "RESULTS_MONGO_URL"] as const;

/** Where the broker and the two databases are, under the names of the services' settings. */
export type Addresses = Record<(typeof names)[number], string>;

/** Servers that already run: all three, or `undefined` if none is named. Throws if only some are. */
export function givenAddresses(env: Record<string, string | undefined>): Addresses | undefined {
  const given = names.map((name) => [name, env[name]?.trim()] as const);
  const missing = given.flatMap(([name, address]) => (address ? [] : [name]));
  if (missing.length === names.length) return undefined;
  if (missing.length > 0)
    throw new Error(`Set all of ${names.join(", ")}, or none; not set: ${missing.join(", ")}.`);
  return Object.fromEntries(given) as Addresses;
}

/** Below the ports that systems give to outgoing connections, so that none of those takes one while its server restarts. */
const from = 20_000;
const count = 10_000;
const triesMax = 100;
/** As many as most clusters need. Clusters that start together have process ids close to each other, and so try different ports. */
const portsEach = 25;
let tried = process.pid * portsEach;

/** Different ports of 127.0.0.1 that no process listens on. Another process may still take one before it is used. */
export async function freePorts(wanted: number): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < wanted; tries++) {
    if (tries > triesMax + wanted) throw new Error(`No free port between ${from} and ${from + count}.`);
    const port = from + (tried++ % count);
    if (await isFree("127.0.0.1", port)) found.push(port);
  }
  return found;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}

export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}

/** Whether a process accepts connections on that port of 127.0.0.1. */
export async function listensOn(port: number): Promise<boolean> {
  try {
    (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end();
    return true;
  } catch {
    return false;
  }
}
