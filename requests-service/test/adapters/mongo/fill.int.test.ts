import { describe, expect, test } from "bun:test";
import { executionKey } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { MongoClient } from "mongodb";
import { mongoStore } from "../../../src/adapters/mongo/store.ts";
import { madeExecution, newId } from "../../builders.ts";
import { withDatabase } from "./database.ts";

const servers = await testServers();

if (servers.kind === "running") {
  test("executions of 0.1.0 get their processor and number of tries when the store is opened", async () => {
    const url = withDatabase(servers.requestsMongoUrl, `requests-${newId()}`);
    const client = new MongoClient(url);
    const store = mongoStore({ url, counters: createCounters() });
    const other = mongoStore({ url, counters: createCounters() });
    try {
      const documents = Array.from({ length: 1_203 }, (_, index) => {
        const { processor, tries, ...old } = madeExecution({ status: index === 0 ? "failed" : "queued" });
        return {
          _id: executionKey(old.request_id, old.attempt) as never,
          ...old,
          ...(index === 1 && { status: "running", epoch: 1 }),
        };
      });
      const named = documents[2]?.request_id as string;
      const last = documents.pop() as (typeof documents)[number];
      await client.db().collection("executions").insertMany(documents);
      await client
        .db()
        .collection("requests")
        .insertOne({ _id: named as never, payload: "1", processor: "p" });
      await Promise.all([store.open(), other.open()]);
      // An instance of 0.1.0 that still runs.
      await client.db().collection("executions").insertOne(last);
      await store.open();
      documents.push(last);
      const found = await store.executions.get(documents);
      const byRequest = new Map(found.map((one) => [one.request_id, one]));
      const [ended, ...active] = documents.map(({ request_id }) => byRequest.get(request_id));
      expect([ended?.processor, ended?.tries]).toEqual(["simulate", 0]);
      expect(new Set(active.map((one) => `${one?.processor} ${one?.tries}`))).toEqual(
        new Set(["simulate 0", "p 0"]),
      );
      expect(active[1]?.processor).toBe("p");
      const [listed] = await store.runs.queued([{ processor: "simulate", limit: 2_000 }]);
      expect(listed).toHaveLength(1_200);
    } finally {
      for (const one of [store, other, client]) await one.close();
    }
  });
} else {
  describe.skip(`fillProcessors is not tested: ${servers.reason}`, () => test("a database", () => {}));
}
