import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { sqliteStore } from "../../src/adapters/store-sqlite.ts";
import { createCounters } from "../../src/counters.ts";
import type { Store } from "../../src/ports.ts";
import { storeConformance } from "../conformance/store.ts";
import { newId } from "../made.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();

storeConformance("sqliteStore", async () => {
  const paths = new WeakMap<Store, string>();
  return {
    async make(sameAs) {
      const path = (sameAs && paths.get(sameAs)) ?? join(folder, `${newId()}.db`);
      const store = sqliteStore({ path, counters: createCounters() });
      paths.set(store, path);
      return store;
    },
    end: async () => {},
  };
});
