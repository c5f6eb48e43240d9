import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * What a proxy does to its link:
 * - pass: forwards everything.
 * - reset: resets every connection, existing ones too.
 * - refuse: does not listen.
 * - blackhole: accepts connections and swallows everything.
 * - one-way: swallows what comes back.
 * - delay: two seconds, each way.
 * - slow: 8 KB a second, each way.
 * - sliced: byte by byte.
 * - late: what is sent arrives when the link heals, even if its sender has closed the connection by then. Nothing comes
 *   back.
 * - drop-reply: what is sent arrives, and the connection is reset instead of returning the response.
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
  /** Existing connections do not recover from a mode that loses bytes: `pass` cuts them. */
  set(mode: Mode): Promise<void>;
  close(): Promise<void>;
};

const delayMs = 2_000;
const slowBytesPerSecond = 8 * 1_024;
const slicesMax = 512;
const arriveMs = 100;

/** Accepts connections on a port of its own and forwards them to port `to` of this machine, as its mode says. */
export async function tcpProxy(to: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let mode: Mode = "pass";
  /** Resolves when late bytes may be forwarded. */
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
        // Late bytes arrive even after their sender has closed.
        if (socket === near && mode === "late") await there();
        far.destroy();
      });
    }
  }

  /**
   * Forwards one piece after another, each for as long as the mode takes. Returns a function that waits until
   * everything received so far is forwarded.
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
    const now = mode;
    if (now === "blackhole" || (way === "back" && (now === "one-way" || now === "late"))) return;
    if (now === "drop-reply" && way === "back") return void into.resetAndDestroy();
    if (now === "late") await release.promise;
    if (now === "delay") await Bun.sleep(Math.max(0, arrived + delayMs - performance.now()));
    if (now === "slow") await Bun.sleep((bytes.length / slowBytesPerSecond) * 1_000);
    // Enough to break any frame everywhere. The rest of a large piece follows at once.
    const slices = now === "sliced" ? Math.min(bytes.length - 1, slicesMax) : 0;
    for (let at = 0; at < slices && !into.destroyed; at++) {
      into.write(bytes.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!into.destroyed) into.write(bytes.subarray(slices));
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
    port: 0,
    async set(next) {
      const before = mode;
      mode = next;
      if (before === "late" && next !== "late") {
        release.resolve();
        release = Promise.withResolvers();
        // Late bytes arrive before their connections are cut.
        await Bun.sleep(arriveMs);
      }
      const isLossy = before === "blackhole" || before === "one-way" || before === "late";
      if (next === "reset" || (next === "pass" && isLossy)) cut();
      if (next === "refuse") await leave();
      else if (server === null) await listen(proxy.port);
    },
    close: leave,
  };
  await listen(0);
  return proxy;
}
