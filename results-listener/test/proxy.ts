import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy in front of a server, with the faults of a network. */
export type Proxy = {
  port: number;
  /** Nobody listens, and every connection is reset. */
  refuse(): void;
  /** Connections are accepted and kept, and nothing comes back any more; `false` ends that for new ones. */
  swallow(is: boolean): void;
  /** Answers come, a byte at a time, ten in a second; `false` ends that for later answers. */
  drip(is: boolean): void;
  /** From now on the server gets what is asked, and its answers are lost with the connections. */
  loseAnswers(is: boolean): void;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  close(): void;
};

export async function proxyTo(target: { host: string; port: number }): Promise<Proxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let port = 0;
  let isSwallowing = false;
  let isLosing = false;
  let isDripping = false;

  const listener = createServer((client) => {
    const server = connect(target.port, target.host);
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.on("data", (data) => isSwallowing || server.write(data));
    server.on("data", (data) => {
      if (isLosing) end();
      else if (isDripping) drip(client, data);
      else if (!isSwallowing) client.write(data);
    });
  });

  function accept(): Promise<void> {
    return new Promise((resolve) => {
      listener.listen(port, "127.0.0.1", () => {
        port = (listener.address() as { port: number }).port;
        resolve();
      });
    });
  }

  function refuse(): void {
    listener.close();
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
  }

  await accept();
  return {
    port,
    refuse,
    swallow(is) {
      isSwallowing = is;
    },
    drip(is) {
      isDripping = is;
    },
    loseAnswers(is) {
      isLosing = is;
    },
    accept,
    close: refuse,
  };
}

function drip(to: Socket, answer: Buffer | string): void {
  const data = Buffer.from(answer as Buffer);
  let at = 0;
  const timer = setInterval(() => {
    if (to.destroyed || at >= data.length) clearInterval(timer);
    else to.write(data.subarray(at, ++at));
  }, 100);
}
