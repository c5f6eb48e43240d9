import type { Database } from "bun:sqlite";
import { outcomeMark } from "@sate/contracts";
import { type Execution, type Key, unconfirmedMark } from "../execution.ts";
import { firstWithin, openWithin } from "../first-within.ts";
import { type Marked, type Store, Unavailable, type Worker } from "../ports.ts";
import { sqliteRefusals } from "./refusals-sqlite.ts";
import { type SqliteAccess, sqliteRuns } from "./runs-sqlite.ts";
import {
  type ExecutionRow,
  executionColumns,
  executionOf,
  type RequestRow,
  requestOf,
  schema,
  type WorkerRow,
} from "./sqlite-schema.ts";
import { splitOutcome } from "./stored-outcome.ts";

/** An open database of one process. `write` runs `work` in a commit and resolves when that is durable. */
export type SqliteFile = { db: Database; write<T>(work: () => T): Promise<T> };

/** A `Store` on SQLite. It does not own the file: closing the store closes nothing else. */
export function sqliteStore({ db, ...file }: SqliteFile): Store {
  let isClosed = false;

  function assertOpen(): void {
    if (isClosed) throw new Error("the store is closed");
  }

  const read: SqliteAccess["read"] =
    (query) =>
    async (...args) => {
      try {
        assertOpen();
        return query(db, ...args);
      } catch (cause) {
        throw new Unavailable("The Requests DB cannot be read.", { cause });
      }
    };

  const write: SqliteAccess["write"] =
    (change) =>
    async (...args) => {
      try {
        assertOpen();
        return await file.write(() => change(db, ...args));
      } catch (cause) {
        throw new Unavailable("The Requests DB cannot be written.", { cause });
      }
    };

  const writeAll: SqliteAccess["writeAll"] = (change) => {
    const writeSome = write(change);
    return async (items, ...args) => (items.length === 0 ? [] : writeSome(items, ...args));
  };

  const forgetAll = writeAll((db, ids: string[]) => {
    const remove = db.query("DELETE FROM workers WHERE id = ? AND given_up = 1");
    return ids.map((id) => remove.run(id));
  });
  const clearAll = writeAll((db, published: Marked[]) => {
    const update = db.query(replaceMark);
    return published.map(({ requestId, attempt, mark }) => {
      return update.run(mark === outcomeMark ? unconfirmedMark : null, requestId, attempt, mark);
    });
  });
  const leaveUnconfirmed = writeAll((db, keys: Key[], mark: string | null) => {
    const update = db.query(replaceMark);
    return keys.map(({ requestId, attempt }) => update.run(mark, requestId, attempt, unconfirmedMark));
  });

  return {
    requests: {
      insert: writeAll((db, wanted) => {
        const insert = db.query(
          "INSERT INTO requests (id, payload, processor, creation_date) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        );
        const select = db.query<RequestRow, [string]>("SELECT * FROM requests WHERE id = ?");
        return wanted.map((request) => {
          const { id, payloadJson, processor, creationDate } = request;
          const { changes } = insert.run(id, payloadJson, processor ?? null, creationDate);
          return changes === 1 ? request : requestOf(select.get(id) as RequestRow);
        });
      }),
      get: read((db, ids) => {
        const select = db.query<RequestRow, [string]>("SELECT * FROM requests WHERE id = ?");
        const rows = ids.flatMap((id) => select.get(id) ?? []);
        return new Map(rows.map((row) => [row.id, requestOf(row)]));
      }),
      getWithin: read((db, ids, bytesMax) => {
        const select = db.query<RequestRow, [string]>("SELECT * FROM requests WHERE id = ?");
        const inOrder = new Set(ids.toSorted()).values();
        return firstWithin(inOrder.flatMap((id) => select.all(id)).map(requestOf), bytesMax);
      }),
      list: read((db, { limit, bytesMax, before }) => {
        const within = openWithin(bytesMax, limit);
        const rows = db
          .query<RequestRow, [string, number]>("SELECT * FROM requests WHERE id < ? ORDER BY id DESC LIMIT ?")
          .iterate(before ?? "~", limit + 1);
        for (const row of rows) if (!within.take(requestOf(row))) break;
        return within.read();
      }),
    },

    executions: {
      ofRequests: read((db, requestIds) => {
        const select = db.query<ExecutionRow, [string]>(
          `SELECT ${executionColumns} FROM executions WHERE request_id = ? ORDER BY attempt`,
        );
        return new Map(requestIds.map((id) => [id, select.all(id).map(executionOf)]));
      }),
      insert: writeAll((db, wanted) => {
        const insert = db.query(
          `INSERT INTO executions (request_id, attempt, id, force_error, creation_date, traceparent, status, epoch, lost, cancel_requested, mark)
           VALUES ($requestId, $attempt, $id, $forceError, $creationDate, $traceparent, $status, $epoch, $lost, $cancelRequested, $mark)
           ON CONFLICT DO NOTHING`,
        );
        return wanted.map((execution) => insert.run(parameters(execution)).changes === 1);
      }),
      get: read((db, keys) => {
        const select = db.query<ExecutionRow, [string, number]>(
          `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt = ?`,
        );
        return keys.flatMap(({ requestId, attempt }) => {
          const row = select.get(requestId, attempt);
          return row ? [executionOf(row)] : [];
        });
      }),
      list: read((db, { requestId, afterAttempt, limit }) => {
        const rows = db
          .query<ExecutionRow, [string, number, number]>(
            `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt > ? ORDER BY attempt LIMIT ?`,
          )
          .all(requestId, afterAttempt, limit);
        return rows.map(executionOf);
      }),
      cancel: write((db, { request_id, attempt, execution_id }, outcome) => {
        const { text } = splitOutcome(outcome);
        const { changes } = db
          .query(
            `UPDATE executions SET status = ?, result_id = ?, outcome = ?, mark = ?
             WHERE request_id = ? AND attempt = ? AND id = ? AND status = 'queued'`,
          )
          .run(outcome.status, outcome.result_id, text, outcomeMark, request_id, attempt, execution_id);
        if (changes === 1) return;
        db.query(
          `UPDATE executions SET cancel_requested = 1
           WHERE request_id = ? AND attempt = ? AND id = ? AND status = 'running'`,
        ).run(request_id, attempt, execution_id);
      }),
    },

    runs: sqliteRuns({ read, write, writeAll }),
    refusals: sqliteRefusals({ read, write, writeAll }),

    workers: {
      register: write((db, workerId) => {
        db.query("INSERT INTO workers (id, beats, given_up) VALUES (?, 0, 0) ON CONFLICT DO NOTHING").run(
          workerId,
        );
      }),
      beat: write((db, workerId) => {
        const update = db.query("UPDATE workers SET beats = beats + 1 WHERE id = ? AND given_up = 0");
        return update.run(workerId).changes === 1;
      }),
      get: read((db, ids): Worker[] => {
        const select = db.query<WorkerRow, [string]>("SELECT * FROM workers WHERE id = ?");
        return ids.flatMap((id) => select.get(id) ?? []).map(workerOf);
      }),
      list: read((db, { after, limit }) => {
        const rows = db
          .query<WorkerRow, [string, number]>("SELECT * FROM workers WHERE id > ? ORDER BY id LIMIT ?")
          .all(after ?? "", limit);
        return rows.map(workerOf);
      }),
      giveUp: write((db, workerId, beats) => {
        const update = db.query(
          "UPDATE workers SET given_up = 1 WHERE id = ?1 AND given_up = 0 AND (?2 IS NULL OR beats = ?2)",
        );
        if (update.run(workerId, beats ?? null).changes === 1) return true;
        const row = db.query<WorkerRow, [string]>("SELECT * FROM workers WHERE id = ?").get(workerId);
        return row === null || row.given_up === 1;
      }),
      forget: async (ids) => void (await forgetAll(ids)),
    },

    outbox: {
      marked: read((db, { after, limit }) => {
        const { mark = afterAllMarks, requestId = "", attempt = 0 } = after ?? {};
        const rows = db
          .query<
            Pick<ExecutionRow, "request_id" | "attempt"> & { mark: string },
            [string, string, number, number, string]
          >(
            `SELECT mark, request_id, attempt FROM executions
             WHERE mark > ?5 AND (mark < ?1 OR (mark = ?1 AND (request_id, attempt) > (?2, ?3)))
             ORDER BY mark DESC, request_id, attempt LIMIT ?4`,
          )
          .all(mark, requestId, attempt, limit, unconfirmedMark);
        return rows.map((row) => ({ requestId: row.request_id, attempt: row.attempt, mark: row.mark }));
      }),
      standing: read((db, marked) => {
        const select = db.query<ExecutionRow, [string, number, string]>(
          "SELECT * FROM executions WHERE request_id = ? AND attempt = ? AND mark = ?",
        );
        return marked.flatMap(({ requestId, attempt, mark }) => {
          const row = select.get(requestId, attempt, mark);
          return row ? [executionOf(row)] : [];
        });
      }),
      clear: async (published) => void (await clearAll(published)),
    },

    confirmations: {
      unconfirmed: read((db, { after, limit }) => {
        const rows = db
          .query<Pick<ExecutionRow, "request_id" | "attempt">, [string, string, number, number]>(
            `SELECT request_id, attempt FROM executions
             WHERE mark = ? AND (request_id, attempt) > (?, ?) ORDER BY request_id, attempt LIMIT ?`,
          )
          .all(unconfirmedMark, after?.requestId ?? "", after?.attempt ?? 0, limit);
        return rows.map((row) => ({ requestId: row.request_id, attempt: row.attempt }));
      }),
      confirm: async (recorded) => void (await leaveUnconfirmed(recorded, null)),
      publishAgain: async (missing) => void (await leaveUnconfirmed(missing, outcomeMark)),
    },

    async open() {
      try {
        assertOpen();
        db.run(schema);
      } catch (cause) {
        throw new Unavailable("The Requests DB cannot be opened.", { cause });
      }
    },
    ping: read((db) => void db.query("SELECT 1").get()),
    async close() {
      isClosed = true;
    },
  };
}

const replaceMark = "UPDATE executions SET mark = ? WHERE request_id = ? AND attempt = ? AND mark = ?";

/** Above every mark there is. */
const afterAllMarks = "~";

function workerOf({ id, beats, given_up }: WorkerRow): Worker {
  return { workerId: id, beats, givenUp: given_up === 1 };
}

/** Of a new execution: it has no worker and no outcome. */
function parameters(execution: Execution) {
  return {
    requestId: execution.requestId,
    attempt: execution.attempt,
    id: execution.id,
    forceError: execution.forceError ? 1 : 0,
    creationDate: execution.creationDate,
    traceparent: execution.traceparent ?? null,
    status: execution.status,
    epoch: execution.epoch,
    lost: execution.lost,
    cancelRequested: execution.cancelRequested ? 1 : 0,
    mark: execution.mark ?? null,
  };
}
