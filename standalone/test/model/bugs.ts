import type { Database } from "bun:sqlite";
import type { IncomingRecord } from "@sate/contracts";
import type { Results, Store } from "../../../requests-service/src/ports.ts";
import type { Action } from "./plan.ts";

type Handle = (records: IncomingRecord[]) => Promise<void>;

/** A bug that is planted by wrapping a port, to see that the model catches it. */
export type Bug = {
  /** Weights of actions that are added, so that the bug shows within seconds. */
  more?: Partial<Record<Action, number>>;
  /** The part of the schema that is missing. */
  schemaWithout?: string;
  store?: (store: Store, db: Database) => Store;
  results?: Results;
  /** Wraps the handler of every consumer. */
  handle?: (handle: Handle) => Handle;
};

/** Replaces operations of one port of the store. */
const inStore = <Port extends keyof Store>(
  port: Port,
  replaced: (store: Store, db: Database) => Partial<Store[Port]>,
): Bug => ({ store: (store, db) => ({ ...store, [port]: { ...store[port], ...replaced(store, db) } }) });

export const bugs: Record<string, Bug> = {
  "no unique key on the attempt": { schemaWithout: ",\n    PRIMARY KEY (request_id, attempt)" },
  "a listener that inserts without dedupe": { schemaWithout: " PRIMARY KEY" },
  "a finish without its epoch": {
    more: { freeze: 15 },
    ...inStore("runs", ({ runs }, db) => ({
      finish(decided) {
        const select = db.query<{ epoch: number }, [string]>("SELECT epoch FROM executions WHERE id = ?");
        const epochOf = (id: string) => select.get(id)?.epoch;
        return runs.finish(decided.map((run) => ({ ...run, epoch: epochOf(run.execution_id) ?? run.epoch })));
      },
    })),
  },
  "no outbox sweep": inStore("outbox", () => ({ marked: async () => [] })),
  "no sweep over start marks": {
    more: { create: 15 },
    ...inStore("requests", () => ({ starting: async () => [] })),
  },
  "a key that is only remembered by its caller": {
    more: { create: 15 },
    ...inStore("keys", () => ({ insert: async (keys) => keys })),
  },
  "a refused attempt that is only in memory": inStore("refusals", () => ({ insert: async () => {} })),
  "a refused attempt that is forgotten before it is published": inStore("refusals", ({ refusals }) => ({
    async list(page) {
      const listed = await refusals.list(page);
      await refusals.remove(listed);
      return listed;
    },
  })),
  "a lost outcome that is not published again": inStore("confirmations", () => ({
    publishAgain: async () => {},
  })),
  "a result that is confirmed without checking": {
    results: { resultsRecorded: async ({ executions }) => ({ recorded: executions.map(() => true) }) },
  },
  "a sweeper without its predicate": {
    more: { freeze: 15 },
    store: (store, db) => ({
      ...store,
      workers: { ...store.workers, expire: (id) => store.workers.expire(id) },
      runs: {
        ...store.runs,
        async requeue(runs) {
          const update = db.query(
            "UPDATE executions SET status = 'queued', result_id = NULL, mark = 'execution:0' WHERE id = ?",
          );
          return runs.map(({ execution_id }) => update.run(execution_id).changes === 1);
        },
      },
    }),
  },
  "a claim that ignores the status": inStore("runs", ({ runs }, db) => ({
    claim(claim, refs, processors) {
      const update = db.query("UPDATE executions SET status = 'queued', result_id = NULL WHERE id = ?");
      for (const { execution_id } of refs) update.run(execution_id);
      return runs.claim(claim, refs, processors);
    },
  })),
  "a claim that ignores the start": inStore("runs", ({ runs }, db) => ({
    claim(claim, refs, processors) {
      const update = db.query("UPDATE executions SET start_after = NULL WHERE id = ?");
      for (const { execution_id } of refs) update.run(execution_id);
      return runs.claim(claim, refs, processors);
    },
  })),
  "a claim of every processor": inStore("runs", ({ runs }) => ({
    queued: (queues) => runs.queued(queues.map(({ limit }) => ({ limit }))),
    claim: (claim, refs) => runs.claim(claim, refs, undefined),
  })),
  "an instant that is compared with another clock": {
    store: (store) => ({ ...store, now: () => store.now() + 1_800_000 }),
  },
  "a schedule that advances before it fires": inStore("schedules", ({ schedules }) => ({
    async due(page) {
      const due = await schedules.due(page);
      await schedules.advance(
        due.map(({ id, next_at: from = 0 }) => ({ id, from, next_at: undefined, last_at: from })),
      );
      return due;
    },
  })),
  "no sweep over what waits": inStore("waiting", () => ({ due: async () => [] })),
  "no end of what runs past its deadline": inStore("runs", ({ runs }) => ({
    async running(page) {
      const running = await runs.running(page);
      return running.map((execution) => ({ ...execution, deadline_at: undefined }));
    },
  })),
  "a retry that is not counted": inStore("runs", ({ runs }, db) => ({
    async retryLater(retries) {
      const results = await runs.retryLater(retries);
      const update = db.query("UPDATE executions SET tries = max(tries - 1, 0) WHERE id = ?");
      for (const { execution_id } of retries) update.run(execution_id);
      return results;
    },
  })),
  "records acknowledged before they are written": {
    handle: (handle) => async (records) => void handle(records).catch(() => {}),
  },
  "an unreadable record retried forever": {
    handle: (handle) => async (records) => {
      const isUnreadable = ({ value }: IncomingRecord) => value === null || String(value) === "garbage";
      if (records.some(isUnreadable)) throw new Error("cannot be read");
      await handle(records);
    },
  },
};
