import type { Database } from "bun:sqlite";
import { formatTimestamp, type IncomingRecord, type Outcome } from "@sate/contracts";
import type { Results, Store } from "../../../requests-service/src/ports.ts";
import type { ResultsWriter } from "../../../results-listener/src/ports.ts";
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
  writer?: (writer: ResultsWriter, db: Database) => ResultsWriter;
  /** Wraps the handler of every consumer. */
  handle?: (handle: Handle) => Handle;
};

/** Replaces operations of one port of the store. */
const inStore = <Port extends keyof Store>(
  port: Port,
  replaced: (store: Store, db: Database) => Partial<Store[Port]>,
): Bug => ({ store: (store, db) => ({ ...store, [port]: { ...store[port], ...replaced(store, db) } }) });

/** An outcome that no execution has. */
const notYet: Outcome = {
  ...{ status: "cancelled", error: { code: "cancelled", message: "not yet" }, tries: 0, result_id: "none" },
  processing_start_time: formatTimestamp(0),
  processing_end_time: formatTimestamp(0),
  processing_total_seconds: 0,
};

export const bugs: Record<string, Bug> = {
  "no unique key on the attempt": { schemaWithout: ",\n    PRIMARY KEY (request_id, attempt)" },
  "a listener that inserts without dedupe": { schemaWithout: " PRIMARY KEY" },
  "a finish without its epoch": {
    more: { freeze: 80 },
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
  "a refused attempt that is only in memory": {
    more: { kill: 15, stop: 5 },
    ...inStore("refusals", () => ({ insert: async () => {} })),
  },
  "a refused attempt that is forgotten before it is published": {
    more: { kill: 15, stop: 5 },
    ...inStore("refusals", ({ refusals }) => ({
      async list(page) {
        const listed = await refusals.list(page);
        await refusals.remove(listed);
        return listed;
      },
    })),
  },
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
  "a batch of which only the first request is stored": inStore("requests", ({ requests }) => ({
    async insert(wanted) {
      await requests.insert(wanted.slice(0, 1));
      return wanted;
    },
  })),
  "a bulk cancellation that overlooks what is running": {
    more: { "cancel-all": 10 },
    ...inStore("finding", ({ finding }) => ({
      async executions(index, slice) {
        const found = await finding.executions(index, slice);
        return found.filter(({ status }) => status !== "running");
      },
    })),
  },
  "a replay without its key": {
    more: { replay: 10 },
    ...inStore("executions", ({ executions }) => ({
      insert: (wanted) => executions.insert(wanted.map((one) => ({ ...one, key_hash: undefined }))),
    })),
  },
  "a list of webhooks that is read only once": {
    store(store) {
      let list: ReturnType<Store["webhooks"]["list"]> | undefined;
      const listOnce = () => {
        list ??= store.webhooks.list();
        return list;
      };
      return { ...store, webhooks: { ...store.webhooks, list: listOnce } };
    },
  },
  "a webhook that is told of what is still running": {
    more: { cancel: 15 },
    ...inStore("executions", ({ executions }) => ({
      async get(keys) {
        const found = await executions.get(keys);
        return found.map((one) => ({ outcome: notYet, ...one }));
      },
    })),
  },
  "a removal that leaves no stub": inStore("requests", (_, db) => ({
    async remove(ids) {
      for (const id of ids) db.query("DELETE FROM requests WHERE id = ?").run(id);
    },
  })),
  "a removal that does not see what is active": {
    store(store) {
      const { requests, executions } = store;
      // A caller that reads a request as it is now reads its executions next.
      const readBefore = new Set<string>();
      const removedOf: Store["requests"]["removedOf"] = (ids) => {
        for (const id of ids) readBefore.add(id);
        return requests.removedOf(ids);
      };
      const ofRequests: Store["executions"]["ofRequests"] = async (ids) => {
        const found = await executions.ofRequests(ids);
        const ended = ids.filter((id) => readBefore.delete(id));
        for (const id of ended) {
          const list = found.get(id) ?? [];
          found.set(
            id,
            list.map((one) => (one.status === "removed" ? one : { ...one, status: "failed" })),
          );
        }
        return found;
      };
      return {
        ...store,
        requests: { ...requests, removedOf },
        executions: { ...executions, ofRequests },
      };
    },
  },
  "a removal by age that does not wait for the result": inStore("removals", ({ removals }) => ({
    async oldExecutions(page) {
      const old = await removals.oldExecutions(page);
      return old.map((one) => ({ ...one, mark: undefined }));
    },
  })),
  "an age that is counted from the creation": inStore("removals", ({ removals }) => ({
    async oldExecutions(page) {
      const old = await removals.oldExecutions(page);
      return old.map((one) => ({ ...one, ended_at: 0 }));
    },
  })),
  "a late result that takes the place of a removed one": {
    writer: (writer, db) => ({
      ...writer,
      async recordResults(results) {
        const update = db.query(
          "UPDATE results SET id = ?, removed_at = NULL WHERE request_id = ? AND attempt = ?",
        );
        const recorded = await writer.recordResults(results);
        for (const [index, { id, request_id, attempt }] of results.entries()) {
          if (recorded[index] === "removed") update.run(id, request_id, attempt);
        }
        return recorded;
      },
    }),
  },
  "a dead letter that outlives its request": {
    more: { remove: 10 },
    writer: (writer) => ({ ...writer, removedRequests: async () => new Set<string>() }),
  },
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
