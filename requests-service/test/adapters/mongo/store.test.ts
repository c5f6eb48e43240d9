import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { mongoStore } from "../../../src/adapters/mongo/store.ts";
import { madeExecution, madeRequest, newId } from "../../builders.ts";

/** No database is needed here: it is about databases that do not answer. */
describe("mongoStore without a server", () => {
  const sockets: Socket[] = [];
  let blackHole: Server;
  let port: number;
  beforeAll(async () => {
    blackHole = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => blackHole.listen(0, "127.0.0.1", resolve));
    port = (blackHole.address() as { port: number }).port;
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    blackHole.close();
  });

  const places = {
    "a closed port": () => 1,
    "a server that never responds": () => port,
  };
  for (const [place, at] of Object.entries(places)) {
    test(`${place}: every call rejects within its deadline, and a close ends`, async () => {
      const url = `mongodb://user:secret@127.0.0.1:${at()}/requests`;
      const store = mongoStore({ url, counters: createCounters(), deadlineMs: 300 });
      const calls = [
        store.open(),
        store.ping(),
        store.requests.insert([madeRequest()]),
        store.executions.insert([madeExecution()]),
        store.runs.queued([{ limit: 1 }]),
        store.workers.beat(newId()),
      ];
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === "fulfilled") throw new Error("it resolved");
        expect(outcome.reason).toBeInstanceOf(Unavailable);
        expect(outcome.reason.message).not.toContain("secret");
      }
      await store.close();
    });
  }
});
