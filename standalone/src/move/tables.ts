import {
  type DeadLetterDocument,
  type ResultDocument,
  type ResultRecord,
  type ResultRow,
  resultDocument,
  resultOf,
} from "@sate/contracts";
import * as documents from "@sate/requests-service/mongo/documents";
import { knownProcessorOf } from "@sate/requests-service/sqlite/processors";
import * as rows from "@sate/requests-service/sqlite/schema";
import { parsedSchedule, scheduleFields } from "@sate/requests-service/stored";

/**
 * What is moved, in this order: each table of SQLite to the collection of the same name. The services' own adapters say what a
 * row and a document are; both are read as the same record, by which they are compared.
 */
export const movedTables: readonly MovedTable[] = [
  moved({
    name: "requests",
    database: "requests",
    order: ["id"],
    ofRow: rows.requestOf,
    document: documents.requestDocument,
    ofDocument: documents.requestOf,
    isSettled: ({ start }) => start === undefined,
    replaces: ({ removed_at }) => removed_at !== undefined,
  }),
  moved({
    name: "executions",
    database: "requests",
    order: ["request_id", "attempt"],
    // Its outcome has the id of its result, too.
    ofRow: ({ result_id: _, ...row }: rows.ExecutionRow & { result_id: string | null }) =>
      rows.executionOf(row),
    document: documents.executionDocument,
    ofDocument: documents.executionOf,
    // Final, published and confirmed; or removed.
    isSettled: ({ outcome, mark, removed_at }) =>
      mark === undefined && (outcome !== undefined || removed_at !== undefined),
    // A removal marks it first.
    replaces: ({ removed_at, mark }) => removed_at !== undefined || mark !== undefined,
  }),
  moved({
    name: "results",
    database: "results",
    order: ["_id"],
    ofRow: movedResultOf,
    document: ({ removed_at, ...result }) => ({
      ...resultDocument(result),
      ...(removed_at && { removed_at }),
    }),
    ofDocument: movedResultOf,
    isSettled: () => true,
    replaces: ({ removed_at }) => removed_at !== undefined,
  }),
  moved({
    name: "dead_letters",
    database: "results",
    order: ["_id"],
    ofRow: deadLetterOf,
    document: ({ key, value, ...rest }) => ({ ...rest, key: bytesOf(key), value: bytesOf(value) }),
    ofDocument: deadLetterOf,
    isSettled: () => true,
    isPruned: true,
  }),
  moved({
    name: "logs",
    database: "requests",
    // Their keys have these numbers without leading zeros.
    order: ["request_id", "attempt", "epoch || ':'", "sequence || ''"],
    ofRow: (row: Parameters<typeof documents.logDocument>[0]) => row,
    document: documents.logDocument,
    ofDocument: documents.chunkOf,
    isSettled: () => true,
    isPruned: true,
  }),
  moved({
    name: "idempotency_keys",
    database: "requests",
    order: ["hash"],
    ofRow: (row: rows.Row<Parameters<typeof documents.keyDocument>[0] & { at: number }>) =>
      rows.recordOf(row),
    document: ({ at, ...key }) => documents.keyDocument(key, at),
    ofDocument: ({ at, ...key }) => ({ ...documents.storedKeyOf({ at, ...key }), at }),
    isSettled: () => true,
    isPruned: true,
  }),
  moved({
    name: "processors",
    database: "requests",
    order: ["name"],
    ofRow: knownProcessorOf,
    document: documents.processorDocument,
    ofDocument: documents.knownProcessorOf,
  }),
  moved({
    name: "webhooks",
    database: "requests",
    order: ["id"],
    ofRow: ({ id, ...row }: rows.Row<Omit<documents.WebhookDocument, "_id"> & { id: string }>) => ({
      ...rows.recordOf<Omit<documents.WebhookDocument, "_id">>(row),
      id,
    }),
    document: ({ id: _id, ...rest }): documents.WebhookDocument => ({ _id, ...rest }),
    ofDocument: ({ _id: id, ...rest }) => ({ ...rest, id }),
  }),
  moved({
    name: "schedules",
    database: "requests",
    order: ["id"],
    ofRow: (row: rows.Row<Record<string, string | number>>) => parsedSchedule(rows.recordOf(row)),
    document: ({ id: _id, ...rest }) => ({ _id, ...scheduleFields(rest) }),
    ofDocument: ({ _id: id, ...fields }) => parsedSchedule({ ...fields, id }),
  }),
  moved({
    name: "refusals",
    database: "requests",
    order: ["request_id", "id"],
    ofRow: (row: rows.Row<ReturnType<typeof documents.refusalOf>>) => rows.recordOf(row),
    document: documents.refusalDocument,
    ofDocument: documents.refusalOf,
  }),
];

/** Workers register again; labels are stored with what they belong to; the last one is of the move itself. */
export const unmovedTables: readonly string[] = ["workers", "request_labels", "execution_labels", "move"];

/** A result, or what is left of one that was removed. */
type MovedResult = ResultRecord & { removed_at?: number };
type StoredResult = (ResultDocument | ResultRow) & { removed_at?: number | null };

function movedResultOf(stored: StoredResult): MovedResult {
  const { removed_at, ...result } = stored;
  return { ...resultOf(result as ResultDocument | ResultRow), ...(removed_at && { removed_at }) };
}

/** A dead letter with its bytes in base64. */
type DeadLetter = Omit<DeadLetterDocument, "key" | "value"> & { key: string | null; value: string | null };

function deadLetterOf({ key, value, ...rest }: DeadLetterDocument): DeadLetter {
  return { ...rest, key: textOf(key), value: textOf(value) };
}

const textOf = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString("base64");
const bytesOf = (text: string | null) => (text === null ? null : Buffer.from(text, "base64"));

type Rules<Row, Record, Document> = {
  name: string;
  database: "requests" | "results";
  /** SQL expressions that put the rows in the order of the documents' keys. An index has the first of them. */
  order: readonly string[];
  ofRow(row: Row): Record;
  document(record: Record): Document;
  ofDocument(document: Document): Record;
  /** Whether it stays as it is while the source is in use, so that it can be copied before the source is sealed. Absent: none does. */
  isSettled?(record: Record): boolean;
  /** Whether this record may have taken the place of a settled one. Absent: settled ones never change. */
  replaces?(record: Record): boolean;
  /** Whether the source may delete settled records, and later store others under their keys. */
  isPruned?: boolean;
};

export type MovedTable = Omit<Rules<unknown, object, { _id: string }>, "ofRow" | "isPruned"> & {
  ofRow(row: object): object;
  isPruned: boolean;
};

/** Only this file knows the types of each table's rows, records and documents. */
function moved<Row, Record extends object, Document extends { _id: string }>(
  rules: Rules<Row, Record, Document>,
): MovedTable {
  return { isPruned: false, ...rules } as unknown as MovedTable;
}
