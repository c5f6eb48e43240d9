import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqliteFile, type SqliteFile } from "../../src/sqlite/file.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { newFolder, opened } from "./opened.ts";

const parent = temporaryFolder();
const files: SqliteFile[] = [];
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const file of files.splice(0)) file.close();
});

function openedIn(folder: string, onCommit?: () => void): SqliteFile {
  const file = opened(folder, onCommit);
  files.push(file);
  return file;
}

const createTable = (file: SqliteFile) =>
  file.write(() => file.db.run("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY) STRICT"));
const insert = (file: SqliteFile, id: number) =>
  file.write(() => file.db.run("INSERT INTO rows VALUES (?)", [id]));
const idsOf = ({ db }: SqliteFile) =>
  db
    .query<{ id: number }, []>("SELECT id FROM rows ORDER BY id")
    .all()
    .map(({ id }) => id);

/** A process that opens the folder with a copy of the sources and runs `body`; resolves when it has said something. */
async function inProcess(folder: string, body: string, sources = join(import.meta.dir, "../../src")) {
  const script = `
    const { openSqliteFile } = await import(${JSON.stringify(join(sources, "sqlite/file.ts"))});
    const opened = openSqliteFile(${JSON.stringify(folder)}, () => {});
    const { file } = opened;
    ${body}
    setInterval(() => {}, 1_000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  const said = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
  return { child, said };
}

test("it writes ahead, fsyncs every commit, and no other user may read its files", async () => {
  const folder = join(newFolder(parent), "made");
  const { db } = openedIn(folder);
  const pragma = (name: string) => Object.values(db.query(`PRAGMA ${name}`).get() ?? {})[0];
  expect(["journal_mode", "synchronous", "locking_mode"].map(pragma)).toEqual(["wal", 2, "exclusive"]);
  const modes = [".", "sate.db", "sate.db-wal"].map((name) => statSync(join(folder, name)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o600, 0o600]);
});

describe("the lock", () => {
  test("only one process opens a folder; the next can when the first was killed", async () => {
    const folder = newFolder(parent);
    const { child, said } = await inProcess(folder, "console.log(opened.kind);");
    expect(said).toBe("opened");
    expect(openSqliteFile(folder, () => {})).toEqual({ kind: "locked", pid: String(child.pid) });
    child.kill("SIGKILL");
    await child.exited;
    openedIn(folder);
  });

  test("it is on the database: without the other files it still holds", async () => {
    const folder = newFolder(parent);
    await inProcess(folder, "console.log(opened.kind);");
    for (const name of ["pid", "lock.db"]) rmSync(join(folder, name), { force: true });
    expect(openSqliteFile(folder, () => {})).toEqual({ kind: "locked", pid: null });
  });

  test("a refused second process leaves the pid of the first, and a close lets the next one in", async () => {
    const folder = newFolder(parent);
    const first = openedIn(folder);
    const { said } = await inProcess(folder, "console.log(JSON.stringify(opened));");
    expect(JSON.parse(said)).toEqual({ kind: "locked", pid: String(process.pid) });
    expect(readFileSync(join(folder, "pid"), "utf8").trim()).toBe(String(process.pid));
    first.close();
    first.close();
    expect((await inProcess(folder, "console.log(opened.kind);")).said).toBe("opened");
  });

  test("a process of 0.1.0 that still runs keeps it out", () => {
    const folder = newFolder(parent);
    using old = new Database(join(folder, "sate.db"), { create: true });
    old.run("PRAGMA journal_mode = WAL");
    old.run("CREATE TABLE records (topic TEXT)");
    expect(openSqliteFile(folder, () => {}).kind).toBe("locked");
  });
});

describe("an acknowledged write", () => {
  const killAtAcknowledgement = `
    file.db.run("CREATE TABLE rows (id INTEGER PRIMARY KEY) STRICT");
    await file.write(() => file.db.run("INSERT INTO rows VALUES (1)"));
    process.kill(process.pid, "SIGKILL");`;

  async function survivors(sources?: string): Promise<number[]> {
    const folder = newFolder(parent);
    const { child } = await inProcess(folder, killAtAcknowledgement, sources);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    return idsOf(openedIn(folder));
  }

  test("is there after a kill -9 in the same instant", async () => {
    expect(await survivors()).toEqual([1]);
  });

  test("would not be, and this test would show it, if the group commit acknowledged before its COMMIT", async () => {
    const sources = newFolder(parent);
    await Bun.$`cp -R ${join(import.meta.dir, "../../src")}/. ${sources}`.quiet();
    await Bun.$`ln -s ${join(import.meta.dir, "../../node_modules")} ${join(sources, "node_modules")}`.quiet();
    const path = join(sources, "sqlite/group-commit.ts");
    const text = readFileSync(path, "utf8");
    const [commit, acknowledge] = ['      db.run("COMMIT");\n', "    for (const tell of settle) tell();\n"];
    expect([text.split(commit).length, text.split(acknowledge).length]).toEqual([2, 2]);
    const late = "    setImmediate(() => db.run('COMMIT'));\n";
    writeFileSync(path, text.replace(commit, "").replace(acknowledge, acknowledge + late));
    expect(await survivors(sources)).toEqual([]);
  });
});

describe("a file that is gone", () => {
  for (const name of ["sate.db", "sate.db-wal"]) {
    test(`${name}: nothing is acknowledged and the reason says so, until it is back`, async () => {
      const folder = newFolder(parent);
      const file = openedIn(folder);
      await createTable(file);
      await insert(file, 1);
      expect(file.complaint()).toBeNull();
      const path = join(folder, name);
      renameSync(path, `${path}.away`);
      expect(file.complaint()).toStartWith(`${name} was moved, deleted or replaced`);
      await expect(insert(file, 2)).rejects.toThrow("could not commit");
      writeFileSync(path, "");
      expect(file.complaint()).not.toBeNull();
      renameSync(`${path}.away`, path);
      expect(file.complaint()).toBeNull();
      await insert(file, 3);
      expect(idsOf(file)).toEqual([1, 3]);
    });
  }
});

describe("a file that cannot be used is refused in a sentence, and stays as it is", () => {
  test("because it is no database", () => {
    const folder = newFolder(parent);
    const text = "this is not a database, and nobody should make it one".repeat(100);
    writeFileSync(join(folder, "sate.db"), text);
    const refused = openSqliteFile(folder, () => {});
    expect(refused).toEqual({
      kind: "refused",
      reason: `${join(folder, "sate.db")} is not a database of Sate.`,
    });
    expect(readFileSync(join(folder, "sate.db"), "utf8")).toBe(text);
  });

  test("because a part of its path is a file", () => {
    const folder = newFolder(parent);
    writeFileSync(join(folder, "file"), "");
    const refused = openSqliteFile(join(folder, "file", "data"), () => {});
    expect(refused).toMatchObject({ kind: "refused", reason: expect.stringContaining("cannot be opened") });
  });
});
