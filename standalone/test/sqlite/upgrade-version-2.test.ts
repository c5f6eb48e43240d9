import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { dataFolders } from "../data-folders.ts";
import { opened } from "./opened.ts";

/**
 * The dump of a data folder of schema version 2, whose process was killed: a success, an execution of the processor
 * `word-count` that waits for its start, and a request with two failures.
 */
const version2 = readFileSync(join(import.meta.dir, "fixtures/version-2.sql"), "utf8");
const newFolder = dataFolders();

test("what version 2 stored is there as it was, without what it did not know, and the file opens again", async () => {
  const folder = newFolder();
  using db = new Database(join(folder, "sate.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(version2);
  db.close();
  for (let time = 0; time < 2; time++) {
    const file = opened(folder);
    const store = sqliteStore(file);
    await store.open();
    const entries = await store.finding.requests({}, { from: "", below: "~", limit: 5 });
    const ids = entries.map(({ id }) => id);
    const { found } = await store.requests.newest(ids, 1_000);
    const creation_date = expect.any(String);
    const [failed, waits, succeeded] = [...found.values()];
    expect([failed, waits, succeeded]).toEqual([
      { id: expect.any(String), payload_json: "3", creation_date },
      { id: expect.any(String), payload_json: '{"text":"a b"}', processor: "word-count", creation_date },
      { id: expect.any(String), payload_json: '{"message":"ping"}', creation_date },
    ]);
    const executions = await store.executions.ofRequests([...found.keys()]);
    const statuses = [...executions.values()].map((all) => all.map(({ status }) => status));
    expect(statuses).toEqual([["failed", "failed"], ["queued"], ["succeeded"]]);
    for (const execution of [...executions.values()].flat()) {
      for (const field of ["labels", "key_hash", "body_hash", "removed_at"]) {
        expect(execution).not.toHaveProperty(field);
      }
    }
    expect(await store.requests.starting({ limit: 5 })).toEqual([]);
    file.close();
  }
});
