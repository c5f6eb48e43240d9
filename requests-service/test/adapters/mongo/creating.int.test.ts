import { describe, expect, test } from "bun:test";
import type { NewRequest } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { mongoStore } from "../../../src/adapters/mongo/store.ts";
import { newId } from "../../builders.ts";
import { createCore } from "../../core.ts";
import { withDatabase } from "./database.ts";

const servers = await testServers();

if (servers.kind === "running") {
  test("64 requests cost one more command with start marks, and one more with keys", async () => {
    const counters = createCounters();
    const url = withDatabase(servers.requestsMongoUrl, `requests-${newId()}`);
    const store = mongoStore({ url, counters });
    const { commands, outbox, starts } = createCore({ store });
    const commandsOf = async (work: () => Promise<unknown>): Promise<number> => {
      const before = counters.read().mongo_commands ?? 0;
      await work();
      return (counters.read().mongo_commands ?? 0) - before;
    };
    const made = (parts: () => Partial<NewRequest> = () => ({})) =>
      Array.from({ length: 64 }, () => ({ id: newId(), payload_json: "1", ...parts() }));
    const start = () => ({ start: { execution_id: newId(), max_failures: 3 } });
    const key = () => ({ key: { hash: newId().replaceAll("-", "").repeat(2), body_hash: "b".repeat(64) } });
    try {
      await store.open();
      for (const [requests, count] of [
        [made(), 1],
        [made(start), 2],
        [made(() => ({ ...start(), ...key() })), 3],
      ] as const) {
        expect(await commandsOf(() => commands.createRequests({ requests: [...requests] }))).toBe(count);
      }
      await outbox.flush();
      expect(await commandsOf(starts.flush)).toBe(1);
      expect(await store.requests.starting({ limit: 1_000 })).toEqual([]);
    } finally {
      await store.close();
    }
  }, 60_000);
} else {
  describe.skip(`mongoStore is not tested: ${servers.reason}`, () => test("a database", () => {}));
}
