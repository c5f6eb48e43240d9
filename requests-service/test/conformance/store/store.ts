import { describe } from "bun:test";
import { claimableConformance } from "./claimable.ts";
import { claimsConformance } from "./claims.ts";
import { confirmationsConformance } from "./confirmations.ts";
import { endsConformance } from "./ends.ts";
import { executionsConformance } from "./executions.ts";
import { findingConformance } from "./finding.ts";
import { givenStores, type StoreUnderTest } from "./given.ts";
import { keysConformance } from "./keys.ts";
import { lifecycleConformance } from "./lifecycle.ts";
import { logsConformance } from "./logs.ts";
import { outboxConformance } from "./outbox.ts";
import { processorsConformance } from "./processors.ts";
import { refusalsConformance } from "./refusals.ts";
import { removalsConformance } from "./removals.ts";
import { requestsConformance } from "./requests.ts";
import { retriesConformance } from "./retries.ts";
import { schedulesConformance } from "./schedules.ts";
import { startsConformance } from "./starts.ts";
import { waitingConformance } from "./waiting.ts";
import { watchingConformance } from "./watching.ts";
import { webhooksConformance } from "./webhooks.ts";
import { workersConformance } from "./workers.ts";

/** What every `Store` must do. */
export function storeConformance(name: string, under: () => Promise<StoreUnderTest>): void {
  describe(`${name} is a store`, () => {
    const given = givenStores(under);
    requestsConformance(given);
    startsConformance(given);
    keysConformance(given);
    executionsConformance(given);
    claimsConformance(given);
    claimableConformance(given);
    endsConformance(given);
    retriesConformance(given);
    waitingConformance(given);
    workersConformance(given);
    processorsConformance(given);
    logsConformance(given);
    webhooksConformance(given);
    schedulesConformance(given);
    watchingConformance(given);
    outboxConformance(given);
    confirmationsConformance(given);
    refusalsConformance(given);
    removalsConformance(given);
    findingConformance(given);
    lifecycleConformance(given);
  });
}
