import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { applicationId, schemaVersion } from "../../src/sqlite/schema-version.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { newFolder, open, opened } from "./opened.ts";

const parent = temporaryFolder();

/** A data folder whose file was written by `sql`. */
function folderOf(sql: string): string {
  const folder = newFolder(parent);
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
  const folder = newFolder(parent);
  opened(folder).close();
  opened(folder).close();
  expect(headerOf(folder)).toEqual([applicationId, schemaVersion, "wal"]);
});

test("a file of a newer version is refused, with both versions and what to do, and stays as it is", () => {
  const newer = schemaVersion + 1;
  const folder = folderOf(
    `PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${newer}; CREATE TABLE t (x)`,
  );
  const refused = open(folder);
  expect(refused).toMatchObject({ kind: "refused" });
  const { reason } = refused as { reason: string };
  expect(reason).toContain(`schema version ${newer}, this Sate supports versions up to ${schemaVersion}`);
  expect(reason).toContain("start the Sate that wrote it");
  expect(reason).toContain("DATA_DIR");
  expect(headerOf(folder)).toEqual([applicationId, newer, "delete"]);
});

for (const [name, sql] of Object.entries({
  "with an id of its own": "PRAGMA application_id = 1; CREATE TABLE requests (id)",
  "with a version and no id": "PRAGMA user_version = 3; CREATE TABLE requests (id)",
  "with tables that Sate does not know": "CREATE TABLE requests (id); CREATE TABLE customers (id)",
})) {
  test(`a file of another application, ${name}, is refused and stays as it is`, () => {
    const folder = folderOf(sql);
    const before = headerOf(folder);
    const refused = open(folder);
    expect(refused).toMatchObject({
      kind: "refused",
      reason: expect.stringContaining("another application"),
    });
    expect(headerOf(folder)).toEqual(before);
    expect(lookAt(folder, (db) => db.query("SELECT * FROM requests").all())).toEqual([]);
  });
}
