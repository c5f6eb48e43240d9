import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A connection to a server that can be disturbed:
 * - through: all is passed on.
 * - no replies: what is sent arrives, and what comes back is swallowed.
 * - cut replies: what is sent arrives, and when the answer comes the connection is cut instead.
 * - away: connections are refused, those that are there are cut.
 */
export type TcpProxy = {
  port: number;
  mood: "through" | "no replies" | "cut replies";
  away(): Promise<void>;
  back(): Promise<void>;
  close(): Promise<void>;
};

export async function tcpProxy(to: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | null = null;

  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      const opened = createServer((near) => {
        const far = connect(to.port, to.host);
        for (const socket of [near, far]) {
          sockets.add(socket);
          socket.on("error", () => {});
          socket.on("close", () => {
            sockets.delete(socket);
            near.destroy();
            far.destroy();
          });
        }
        near.on("data", (bytes) => void far.write(bytes));
        far.on("data", (bytes) => {
          if (proxy.mood === "through") near.write(bytes);
          if (proxy.mood === "cut replies") near.destroy();
        });
      });
      server = opened;
      opened.once("error", reject);
      opened.listen(port, "127.0.0.1", () => {
        proxy.port = (opened.address() as { port: number }).port;
        resolve();
      });
    });

  const proxy: TcpProxy = {
    port: 0,
    mood: "through",
    async away() {
      const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
      server = null;
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    back: () => listen(proxy.port),
    close: () => proxy.away(),
  };
  await listen(0);
  return proxy;
}
