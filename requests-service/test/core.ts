import type { NewExecution, NewRequest } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { sqliteStore } from "../src/adapters/sqlite/store.ts";
import { executionCommands } from "../src/executions/commands.ts";
import { createConfirmation } from "../src/outbox/confirm-results.ts";
import { createOutbox } from "../src/outbox/outbox.ts";
import { recordRefusalsCommand } from "../src/outbox/record-refusals.ts";
import type { Store } from "../src/ports.ts";
import { requestCommands } from "../src/requests/commands.ts";
import { runCommands } from "../src/runs/commands.ts";
import { createRequeueRuns } from "../src/runs/requeue.ts";
import { sweepWorkers } from "../src/workers/expire.ts";
import { createLeaseExpiry } from "../src/workers/lease-expiry.ts";
import { sqliteFile } from "./adapters/sqlite/file.ts";
import { newId as madeId } from "./builders.ts";
import { fakeLog } from "./fakes/log.ts";
import { fakePublisher } from "./fakes/publisher.ts";
import { fakeResults } from "./fakes/results.ts";

export const sweepsMax = 3;
export const lostMax = 3;

/** One process of the service without its sweeps and its HTTP server: tests call each part when they want. */
export function createCore(options: { store?: Store; random?: () => number; newId?: () => string } = {}) {
  const { newId = madeId } = options;
  const counters = createCounters();
  const store = options.store ?? openedStore();
  const publisher = fakePublisher();
  const results = fakeResults();
  const log = fakeLog();
  const clock = () => 0;
  const outbox = createOutbox({ store, publisher, random: Math.random, counters, log });
  const requeueRuns = createRequeueRuns({ store, outbox, counters, clock, newId, lostMax });
  const leaseExpiry = createLeaseExpiry(sweepsMax);
  const confirmation = createConfirmation({ store, results, counters });
  const commands = {
    ...requestCommands(store, clock),
    ...executionCommands({ store, outbox, clock, newId }),
    ...runCommands({ store, requeueRuns, random: options.random ?? (() => 0), counters }),
    recordRefusals: recordRefusalsCommand({ store, outbox, counters, clock }),
  };
  return {
    ...{ store, publisher, results, log, counters, outbox, requeueRuns, leaseExpiry, confirmation, commands },
    sweep: () => sweepWorkers({ store, leaseExpiry, requeueRuns, counters, log }),

    /** A stored request. */
    async request(parts: Partial<NewRequest> = {}): Promise<NewRequest> {
      const request = { id: newId(), payload_json: '{"message":"ping"}', ...parts };
      await commands.createRequests({ requests: [request] });
      return request;
    },
    /** A queued execution of a request, a new one if none is given. */
    async execution(request_id?: string) {
      const execution = wanted(request_id ?? (await this.request()).id);
      const [answer] = (await commands.createExecutions({ executions: [execution] })).answers;
      if (answer?.kind !== "created") throw new Error(`it was not created: ${answer?.kind}`);
      return answer.execution;
    },
    async worker(): Promise<string> {
      const id = newId();
      await commands.registerWorker({ worker_id: id });
      return id;
    },
    /** An execution that this worker runs, a new one if none is given. */
    async run(worker_id: string, execution?: { id: string; request_id: string; attempt: number }) {
      const { id, request_id, attempt } = execution ?? (await this.execution());
      const executions = [{ request_id, attempt, execution_id: id }];
      const { runs } = await commands.claim({ worker_id, claim_id: newId(), executions });
      const [run] = runs;
      if (!run) throw new Error("it was not claimed");
      return run;
    },
    /** What is stored of an execution now. */
    async stored({ request_id, attempt }: { request_id: string; attempt: number }) {
      const [execution] = await store.executions.get([{ request_id, attempt }]);
      if (!execution) throw new Error("it is not stored");
      return execution;
    },
  };
}

/** A store in memory, open. */
export function openedStore(): Store {
  const store = sqliteStore(sqliteFile());
  void store.open();
  return store;
}

export type Core = ReturnType<typeof createCore>;

export function wanted(request_id: string, parts: Partial<NewExecution> = {}): NewExecution {
  return { id: madeId(), request_id, force_error: false, max_failures: 3, ...parts };
}
