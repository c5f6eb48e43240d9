import { createServer } from "node:net";

/** Below the range of outgoing connections, which could take a port while its process restarts. */
const portsFrom = { least: 12_000, most: 32_000 };
const triesMax = 5_000;

/** Distinct unused ports. Throws if there are not enough. */
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
