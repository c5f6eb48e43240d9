import { createServer } from "node:net";

/** Below the ports that systems give to outgoing connections, so that none of those takes it while its server restarts. */
const from = 20_000;
const count = 10_000;
const triesMax = 100;

/** A port of 127.0.0.1 that nobody listens on. Another process may still be quicker, but is unlikely to pick the same. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = from + Math.floor(Math.random() * count);
    if (await isFree("127.0.0.1", port)) return port;
  }
  throw new Error(`None of ${triesMax} ports between ${from} and ${from + count} was free.`);
}

export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}
