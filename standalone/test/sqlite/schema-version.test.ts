import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { applicationId, schemaVersion } from "../../src/sqlite/schema-version.ts";
import { dataFolders } from "../data-folders.ts";
import { open, opened } from "./opened.ts";

const newFolder = dataFolders();

/** A data folder whose file was written by `sql`. */
function folderOf(sql: string): string {
  const folder = newFolder();
  using db = new Database(join(folder, "sate.db"), { create: true });
  db.run(sql);
  return folder;
}

function lookAt<T>(folder: string, look: (db: Database) => T): T {
  using db = new Database(join(folder, "sate.db"), { readonly: true });
  return look(db);
}
const pragma = (db: Database, name: string) => Object.values(db.query(`PRAGMA ${name}`).get() ?? {})[0];
const headerOf = (folder: string) =>
  lookAt(folder, (db) => ["application_id", "user_version", "journal_mode"].map((name) => pragma(db, name)));

test("a new file carries whose it is and its version, and opens again", () => {
  const folder = newFolder();
  opened(folder).close();
  opened(folder).close();
  expect(headerOf(folder)).toEqual([applicationId, schemaVersion, "wal"]);
});

const ofSate = `PRAGMA application_id = ${applicationId}`;
const version = (n: number) => `PRAGMA user_version = ${n}`;
const newer = schemaVersion + 1;
const foreign = "belongs to another application: move it away";

test.each([
  [
    "a newer version",
    `${ofSate}; ${version(newer)}`,
    `has schema version ${newer}, this Sate supports versions up to ${schemaVersion}: start the Sate that wrote it or a newer one`,
  ],
  ["another application, with an id of its own", "PRAGMA application_id = 1", foreign],
  ["another application, with a version and no id", version(3), foreign],
  ["another application, with other tables", "CREATE TABLE customers (id)", foreign],
  ["another application, with tables of the same names", "CREATE TABLE offsets (track)", foreign],
])("a file of %s is refused and stays as it is", (_, sql, why) => {
  const folder = folderOf(`CREATE TABLE requests (id); ${sql}`);
  const before = headerOf(folder);
  const reason = `${join(folder, "sate.db")} ${why}, or choose another folder with DATA_DIR.`;
  expect(open(folder)).toEqual({ kind: "refused", reason, exitCode: 78 });
  expect(headerOf(folder)).toEqual(before);
  expect(lookAt(folder, (db) => db.query("SELECT * FROM requests").all())).toEqual([]);
});
