import type { Database } from "bun:sqlite";
import { defaultProcessor, labelTexts, type RequestRecord } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Finding, RequestEntry, RequestIndex } from "../../finding/port.ts";
import { all, change, insertInto, type SqliteAccess } from "./access.ts";
import { type ExecutionRow, executionColumns, executionOf, type Row, recordOf } from "./schema.ts";

const newestOf = (id: string) => `${id} >= $from AND ${id} < $below ORDER BY ${id} DESC LIMIT $limit`;

const executions = `SELECT ${executionColumns} FROM executions`;
const executionsBy = {
  id: `${executions} WHERE ${newestOf("id")}`,
  status: `${executions} WHERE status = $status AND ${newestOf("id")}`,
  processor: `${executions} WHERE processor = $processor AND ${newestOf("id")}`,
  // CROSS JOIN: SQLite reads the labels first.
  label: `SELECT ${executionColumns} FROM execution_labels CROSS JOIN executions USING (id)
          WHERE label = $label AND ${newestOf("execution_labels.id")}`,
};

const requestsBy = {
  id: `SELECT id, processor FROM requests WHERE ${newestOf("id")}`,
  label: `SELECT id, processor FROM request_labels WHERE label = $label AND ${newestOf("id")}`,
  // Read from the index alone.
  processor: `SELECT id, $processor AS processor FROM requests
              WHERE coalesce(processor, '${defaultProcessor}') = $processor AND ${newestOf("id")}`,
};

const requestLabel = insertInto("request_labels", "label, id, processor");
const executionLabel = insertInto("execution_labels", "label, id");

/** To be called in the write that stores the request or the execution. */
export function insertRequestLabels(db: Database, { id, processor = null, labels }: RequestLabels): void {
  for (const label of labelTexts(labels)) change(db, requestLabel, { label, id, processor });
}
type RequestLabels = Pick<RequestRecord, "id" | "labels"> & { processor?: string | null };

export function insertExecutionLabels(db: Database, { id, labels }: Pick<Execution, "id" | "labels">): void {
  for (const label of labelTexts(labels)) change(db, executionLabel, { label, id });
}

/** To be called in the write that removes a request or an execution with these labels, which are JSON text. */
export function deleteLabels(
  db: Database,
  table: "request_labels" | "execution_labels",
  { id, labels }: { id: string; labels?: string | null | undefined },
): void {
  const sql = `DELETE FROM ${table} WHERE label = $label AND id = $id`;
  if (labels) for (const label of labelTexts(JSON.parse(labels))) change(db, sql, { label, id });
}

export function sqliteFinding({ read }: SqliteAccess): Finding {
  return {
    requests: read((db, index, slice) =>
      all<Row<RequestEntry>>(db, requestsBy[columnOf(index)], { ...index, ...slice }).map(
        recordOf<RequestEntry>,
      ),
    ),
    executions: read((db, { statuses, ...index }, slice) => {
      if (statuses === undefined) {
        const sql = executionsBy[columnOf(index)];
        return all<ExecutionRow>(db, sql, { ...index, ...slice }).map(executionOf);
      }
      // The newest of all are among the newest of each.
      const rows = statuses.flatMap((status) =>
        all<ExecutionRow>(db, executionsBy.status, { status, ...slice }),
      );
      rows.sort((a, b) => (a.id < b.id ? 1 : -1));
      return rows.slice(0, slice.limit).map(executionOf);
    }),
  };
}

function columnOf({ label, processor }: RequestIndex): "label" | "processor" | "id" {
  if (label !== undefined) return "label";
  return processor === undefined ? "id" : "processor";
}
