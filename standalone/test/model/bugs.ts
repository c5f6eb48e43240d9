import type { Results, Store } from "../../../requests-service/src/ports.ts";
import type { Databases, SchemaBugs } from "./databases.ts";
import type { Action } from "./plan.ts";

/** A bug that is planted by wrapping a port, to see that the model catches it. */
export type Bug = {
  /** What must happen more often than usual, so that the bug shows within seconds. */
  more?: Partial<Record<Action, number>>;
  schema?: SchemaBugs;
  store?: (store: Store, databases: Databases) => Store;
  results?: (results: Results) => Results;
  /** Wraps how a consumer of this group hands records on. */
  handle?: (group: string, handle: Handle) => Handle;
};
// biome-ignore lint/suspicious/noExplicitAny: records are only passed on
type Handle = (records: any[]) => Promise<void>;

const isUnreadable = ({ value }: { value: Uint8Array | null }) =>
  value === null || String(value) === "garbage";

export const bugs: Record<string, Bug> = {
  "no unique key on the attempt": { schema: { noUniqueAttempt: true } },
  "a listener that inserts without dedupe": { schema: { noUniqueResult: true } },
  "a finish without its epoch": {
    more: { freeze: 15 },
    store: (store, { db }) => ({
      ...store,
      runs: {
        ...store.runs,
        finish: (decided) =>
          store.runs.finish(
            decided.map((run) => {
              const select = db.query<{ epoch: number }, [string]>(
                "SELECT epoch FROM executions WHERE id = ?",
              );
              return { ...run, epoch: select.get(run.execution_id)?.epoch ?? run.epoch };
            }),
          ),
      },
    }),
  },
  "no outbox sweep": {
    store: (store) => ({ ...store, outbox: { ...store.outbox, marked: async () => [] } }),
  },
  "a refused attempt that is only in memory": {
    store: (store) => ({ ...store, refusals: { ...store.refusals, insert: async () => {} } }),
  },
  "a refused attempt that is forgotten before it is published": {
    store: (store) => ({
      ...store,
      refusals: {
        ...store.refusals,
        list: async (page) => {
          const refusals = await store.refusals.list(page);
          await store.refusals.remove(refusals);
          return refusals;
        },
      },
    }),
  },
  "a lost outcome that is not published again": {
    store: (store) => ({
      ...store,
      confirmations: { ...store.confirmations, publishAgain: async () => {} },
    }),
  },
  "a result that is confirmed without a look": {
    results: () => ({
      resultsRecorded: async ({ executions }) => ({ recorded: executions.map(() => true) }),
    }),
  },
  "a sweeper without its predicate": {
    more: { freeze: 15 },
    store: (store, { db }) => ({
      ...store,
      workers: { ...store.workers, expire: (id) => store.workers.expire(id) },
      runs: {
        ...store.runs,
        requeue: async (runs) => {
          const update = db.query(
            "UPDATE executions SET status = 'queued', result_id = NULL, mark = 'execution:0' WHERE id = ?",
          );
          return runs.map(({ execution_id }) => update.run(execution_id).changes === 1);
        },
      },
    }),
  },
  "a claim that ignores the status": {
    store: (store, { db }) => ({
      ...store,
      runs: {
        ...store.runs,
        claim: (claim, refs) => {
          const update = db.query("UPDATE executions SET status = 'queued', result_id = NULL WHERE id = ?");
          for (const { execution_id } of refs) update.run(execution_id);
          return store.runs.claim(claim, refs);
        },
      },
    }),
  },
  "records acknowledged before they are written": {
    handle: (_, handle) => async (records) => void handle(records).catch(() => {}),
  },
  "an unreadable record tried again for ever": {
    handle: (_, handle) => async (records) => {
      if (records.some(isUnreadable)) throw new Error("cannot be read");
      await handle(records);
    },
  },
};
