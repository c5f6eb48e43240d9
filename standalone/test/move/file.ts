import type { Database } from "bun:sqlite";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import type { DataFile } from "../../src/sqlite/file.ts";
import { opened } from "../sqlite/opened.ts";

/** A data file with the tables of all services. */
export async function fileWithTables(folder: string): Promise<DataFile> {
  const file = opened(folder);
  await sqliteStore(file).open();
  await sqliteResultsWriter(file).open();
  return file;
}

export type Row = Record<string, string | number | Uint8Array | null>;

export function insertRow(db: Database, table: string, row: Row): void {
  const names = Object.keys(row);
  const columns = names.map((name) => `"${name}"`).join(", ");
  const places = names.map(() => "?").join(", ");
  db.query(`INSERT INTO ${table} (${columns}) VALUES (${places})`).run(...(Object.values(row) as string[]));
}

const id = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";
const other = "01976b1e-8a31-7000-9c55-0d5f0f8e7a11";
const date = "2026-11-24 16:31:58.103000";

/** Of each table that is moved, a row with a value in every column. */
export const fullRows: Record<string, Row> = {
  requests: {
    ...{ id, payload: '{ "a": "\\ud800", "n": 1e400 }', processor: "p", creation_date: date },
    ...{ labels: '{"team":"a"}', removed_at: 3 },
    start: JSON.stringify({ execution_id: other, max_failures: 3 }),
  },
  executions: {
    ...{ request_id: id, attempt: 2, id: other, force_error: 1, creation_date: date, traceparent: "00-1" },
    ...{ status: "succeeded", epoch: 3, lost: 1, processor: "p", tries: 1, timeout_seconds: 0.5 },
    ...{ start_after: 1, expires_at: 2, deadline_at: 3, wake_at: 4, cancel_requested: 1 },
    ...{
      worker_id: "w",
      claim_id: "c",
      mark: "outcome",
      labels: '{"team":"a"}',
      key_hash: "k",
      body_hash: "b",
    },
    ...{ last_error: '{"code":"c","message":"m"}', progress: '{"fraction":0.5}', removed_at: 3 },
    ended_at: 2,
    outcome: JSON.stringify({ status: "succeeded", result_id: "r", processing_total_seconds: 1 }),
    ...{ outputs: '{"n":9007199254740993}', result_id: "r" },
  },
  results: {
    ...{ _id: `${id}:000002`, request_id: id, attempt: 2, execution_id: other, id: "r", is_success: 1 },
    ...{ processing_start_time: date, processing_end_time: date, processing_total_seconds: 1.5 },
    ...{ outputs: "[1e400]", error: '{"code":"c","message":"m"}', force_error: 1, creation_date: date },
    ...{ payload: '"\\u0000"', processor: "p", processor_version: "v", tries: 2 },
    removed_at: 4,
  },
  dead_letters: {
    ...{ _id: "dead-1", time: 5, partition: 1, offset: "9007199254740993", reason: "lost", detail: "d" },
    ...{ origin_topic: "t", origin_partition: 2, origin_offset: "3", headers: '{"a":"Yg=="}', cut: "c" },
    ...{ request_id: id, attempt: 2, execution_id: other, processor: "p" },
    ...{ key: new Uint8Array([0, 255]), value: new Uint8Array([128, 0, 1]) },
  },
  logs: {
    ...{ request_id: id, attempt: 2, epoch: 3, sequence: 4, execution_id: other, text: "line\n", total: 5 },
    written_at: 6,
  },
  idempotency_keys: { hash: "h", request_id: id, execution_id: other, body_hash: "b", at: 7 },
  processors: {
    ...{ name: "p", announcement: '{"name":"p","kind":"module"}', input: '{ "type": "object" }', bytes: 8 },
    ...{ announced_at: 9, withdrawn_at: 10 },
  },
  webhooks: {
    ...{ id, definition: '{"url":"https://a.example"}', secret: "whsec_a", created_at: 1, paused_at: 2 },
    ...{ disabled_at: 3, disabled_reason: "gone", previous_secret: "whsec_b", previous_until: 4 },
  },
  schedules: {
    ...{ id, name: "nightly", owner: "o", cron: "@daily", time_zone: "UTC", missed: "last", processor: "p" },
    ...{ labels: '{"team":"a"}', creation_date: date, next_at: 1, paused_from: 2, last_at: 3 },
    ...{ last_error: '{"code":"c","message":"m"}', payload_json: '"\\u0000"' },
  },
  refusals: {
    ...{ request_id: id, id: other, force_error: 1, creation_date: date, traceparent: "00-1" },
    ...{ failures: 3, max_failures: 3 },
  },
};
