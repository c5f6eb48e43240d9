import { describe, test } from "bun:test";
import { mongoStore } from "../../src/adapters/store-mongo.ts";
import { createCounters } from "../../src/counters.ts";
import type { Store } from "../../src/ports.ts";
import { storeConformance } from "../conformance/store.ts";
import { newId } from "../made.ts";
import { testServers } from "../servers.ts";

const servers = await testServers();

if (servers.kind === "running") {
  storeConformance("mongoStore", async () => {
    const names = new WeakMap<Store, string>();
    return {
      async make(sameAs) {
        const name = (sameAs && names.get(sameAs)) ?? `requests-${newId()}`;
        const store = mongoStore({
          url: withDatabase(servers.requestsMongoUrl, name),
          counters: createCounters(),
        });
        names.set(store, name);
        return store;
      },
      end: async () => {},
    };
  });
} else {
  describe.skip(`mongoStore is not tested: ${servers.reason}`, () => test("a database", () => {}));
}

function withDatabase(url: string, name: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${name}`;
  return parsed.href;
}
