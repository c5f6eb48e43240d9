import { afterAll, beforeAll, describe } from "bun:test";
import type { Store } from "../../../src/ports.ts";
import { claimsConformance } from "./claims.ts";
import { confirmationsConformance } from "./confirmations.ts";
import { endsConformance } from "./ends.ts";
import { executionsConformance } from "./executions.ts";
import { givenStores, type StoreUnderTest } from "./given.ts";
import { lifecycleConformance } from "./lifecycle.ts";
import { outboxConformance } from "./outbox.ts";
import { refusalsConformance } from "./refusals.ts";
import { requestsConformance } from "./requests.ts";
import { workersConformance } from "./workers.ts";

/** What every `Store` must do. */
export function storeConformance(name: string, under: () => Promise<StoreUnderTest>): void {
  describe(`${name} is a store`, () => {
    let database: StoreUnderTest;
    let store: Store;
    let other: Store;
    beforeAll(async () => {
      database = await under();
      store = await database.make();
      await store.open();
      other = await database.make(store);
      await other.open();
    }, 60_000);
    afterAll(async () => {
      await store?.close();
      await other?.close();
    }, 60_000);

    const given = givenStores(() => ({ database, store, other }));
    requestsConformance(given);
    executionsConformance(given);
    claimsConformance(given);
    endsConformance(given);
    workersConformance(given);
    outboxConformance(given);
    confirmationsConformance(given);
    refusalsConformance(given);
    lifecycleConformance(given);
  });
}
