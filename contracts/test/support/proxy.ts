import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy in front of a server, with the faults of a network. */
export type TcpProxy = {
  port: number;
  /** What becomes of replies: swallowed, a byte every 100 ms, or their connection is cut. Requests always arrive. */
  replies: "pass" | "swallow" | "drip" | "cut";
  /** Cuts all connections and refuses new ones. Safe twice. */
  refuse(): void;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
};

export async function proxyTo(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(target.port, target.host);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (data) => server.write(data));
    server.on("data", (data) => {
      if (proxy.replies === "pass") client.write(data);
      if (proxy.replies === "cut") client.destroy();
      if (proxy.replies === "drip") drip(client, Buffer.from(data as Buffer));
    });
  });

  const proxy: TcpProxy = {
    port: 0,
    replies: "pass",
    refuse() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
    accept: () =>
      new Promise((resolve) => {
        listener.listen(proxy.port, "127.0.0.1", () => {
          proxy.port = (listener.address() as { port: number }).port;
          resolve();
        });
      }),
  };
  await proxy.accept();
  return proxy;
}

function drip(to: Socket, data: Buffer): void {
  let at = 0;
  const timer = setInterval(() => {
    if (to.destroyed || at >= data.length) clearInterval(timer);
    else to.write(data.subarray(at, ++at));
  }, 100);
}
