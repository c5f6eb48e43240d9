import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * What a proxy does to the link that it stands in:
 * - pass: all is passed on.
 * - reset: connections are taken and cut at once, those that are there too.
 * - refuse: nobody listens.
 * - blackhole: connections are taken and never answered; nothing reaches the server.
 * - one-way: what is sent arrives, what comes back is swallowed.
 * - delay: two seconds, each way.
 * - slow: 8 KB a second, each way.
 * - sliced: byte by byte.
 * - late: what is sent is held back and arrives when the link is well again, even if its sender has hung up by then;
 *   nothing comes back.
 * - drop-reply: what is sent arrives, and when the answer comes the connection is cut instead.
 */
export const modes = [
  "pass",
  "reset",
  "refuse",
  "blackhole",
  "one-way",
  "delay",
  "slow",
  "sliced",
  "late",
  "drop-reply",
] as const;
export type Mode = (typeof modes)[number];

export type TcpProxy = {
  port: number;
  /** Connections that were disturbed do not come back to life: after `pass`, those that were there are cut. */
  set(mode: Mode): Promise<void>;
  close(): Promise<void>;
};

const delayMs = 2_000;
const slowBytesPerSecond = 8 * 1_024;
const slicesMax = 512;
const arriveMs = 100;

/** Takes connections on `port`, 0 for any, and passes them on to `to` of this machine, in the way of its mode. */
export async function tcpProxy(port: number, to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let mode: Mode = "pass";
  /** Ends what holds back late bytes. */
  let release = Promise.withResolvers<void>();

  function join(near: Socket): void {
    if (mode === "reset") return void near.resetAndDestroy();
    near.setNoDelay(true);
    const far = connect(to, "127.0.0.1").setNoDelay(true);
    const there = pump(near, far, "there");
    pump(far, near, "back");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", async () => {
        sockets.delete(socket);
        near.destroy();
        // What is late arrives all the same.
        if (socket === near && mode === "late") await there();
        far.destroy();
      });
    }
  }

  /**
   * Passes on what comes, one piece after another, as long as the mode takes for it. Answers a wait until all that has
   * come so far is passed on.
   */
  function pump(from: Socket, into: Socket, way: "there" | "back"): () => Promise<void> {
    let turn = Promise.resolve();
    from.on("data", (bytes: Buffer) => {
      const arrived = performance.now();
      from.pause();
      turn = turn.then(() => pass(bytes, arrived, into, way)).finally(() => void from.resume());
      if (mode === "delay") from.resume();
    });
    from.on("end", () => void turn.then(() => into.end()));
    return () => turn;
  }

  async function pass(bytes: Buffer, arrived: number, into: Socket, way: "there" | "back"): Promise<void> {
    switch (mode) {
      case "blackhole":
        return;
      case "one-way":
        if (way === "back") return;
        break;
      case "late":
        if (way === "back") return;
        await release.promise;
        break;
      case "drop-reply":
        if (way === "back") return void into.resetAndDestroy();
        break;
      case "delay":
        await Bun.sleep(Math.max(0, arrived + delayMs - performance.now()));
        break;
      case "slow":
        await Bun.sleep((bytes.length / slowBytesPerSecond) * 1_000);
        break;
      case "sliced": {
        // Enough to break any frame everywhere; all the rest of a large piece follows at once.
        const most = Math.min(bytes.length - 1, slicesMax);
        for (let at = 0; at < most && !into.destroyed; at++) {
          into.write(bytes.subarray(at, at + 1));
          await new Promise((resolve) => setImmediate(resolve));
        }
        return void into.write(bytes.subarray(Math.max(most, 0)));
      }
    }
    if (!into.destroyed) into.write(bytes);
  }

  const listen = (at: number) =>
    new Promise<void>((resolve, reject) => {
      const opened = createServer({ allowHalfOpen: true }, join);
      server = opened;
      opened.once("error", reject);
      opened.listen(at, "127.0.0.1", () => {
        proxy.port = (opened.address() as { port: number }).port;
        resolve();
      });
    });

  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  async function leave(): Promise<void> {
    const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
    server = null;
    cut();
    await closed;
  }

  const proxy: TcpProxy = {
    port,
    async set(next) {
      const before = mode;
      mode = next;
      if (before === "late" && next !== "late") {
        release.resolve();
        release = Promise.withResolvers();
        // Time for what was held back to arrive, before its connections are cut.
        await Bun.sleep(arriveMs);
      }
      const isLossy = before === "blackhole" || before === "one-way" || before === "late";
      if (next === "reset" || (next === "pass" && isLossy)) cut();
      if (next === "refuse") await leave();
      else if (server === null) await listen(proxy.port);
    },
    close: leave,
  };
  await listen(port);
  return proxy;
}
