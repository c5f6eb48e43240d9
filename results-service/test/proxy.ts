import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy in front of a server, with the faults of a network. */
export type Proxy = {
  port: number;
  /** Ends all connections and accepts no more. */
  refuse(): void;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  /** Whether connections are accepted and kept, but nothing is forwarded. */
  swallow(is: boolean): void;
};

export async function proxyTo(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let port = 0;
  let isSwallowing = false;

  const listener = createServer((client) => {
    const server = connect(target.port, target.host);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (data) => isSwallowing || to.write(data));
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });

  function accept(): Promise<void> {
    return new Promise((resolve) => {
      listener.listen(port, "127.0.0.1", () => {
        port = (listener.address() as { port: number }).port;
        resolve();
      });
    });
  }

  await accept();
  return {
    port,
    accept,
    refuse() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
    swallow(is) {
      isSwallowing = is;
    },
  };
}
