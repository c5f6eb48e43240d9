import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SqliteFile } from "../../src/sqlite/file.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { newFolder, open, opened } from "./opened.ts";

const parent = temporaryFolder();
const files: SqliteFile[] = [];
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const file of files.splice(0)) file.close();
});

function openedIn(...args: Parameters<typeof opened>): SqliteFile {
  const file = opened(...args);
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

const lockedBy = (holder: string, folder: string) => ({
  kind: "refused" as const,
  reason: `${holder} is using ${folder}: stop it, or choose another folder with DATA_DIR.`,
  exitCode: 73 as const,
});

/** A process that opens the folder with a copy of the sources and runs `body`; resolves when it has said something. */
async function inProcess(folder: string, body: string, sources = join(import.meta.dir, "../../src")) {
  const script = `
    const { openSqliteFile } = await import(${JSON.stringify(join(sources, "sqlite/file.ts"))});
    const log = { warn() {}, error() {} };
    const opened = openSqliteFile(${JSON.stringify(folder)}, { onCommit() {}, log });
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
  const modes = [".", "pid", "sate.db", "sate.db-wal"].map(
    (name) => statSync(join(folder, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
});

describe("the lock", () => {
  test("only one process opens a folder; the next can when the first was killed", async () => {
    const folder = newFolder(parent);
    const { child, said } = await inProcess(folder, "console.log(opened.kind);");
    expect(said).toBe("opened");
    expect(open(folder)).toEqual(lockedBy(`Process ${child.pid}`, folder));
    child.kill("SIGKILL");
    await child.exited;
    openedIn(folder);
  });

  test("it is on the database: without the other files it still holds", async () => {
    const folder = newFolder(parent);
    await inProcess(folder, "console.log(opened.kind);");
    for (const name of ["pid", "lock.db"]) rmSync(join(folder, name), { force: true });
    expect(open(folder)).toEqual(lockedBy("Another process", folder));
  });

  test("a refused second process leaves the pid of the first, and a close lets the next one in", async () => {
    const folder = newFolder(parent);
    const first = openedIn(folder);
    const { said } = await inProcess(folder, "console.log(JSON.stringify(opened));");
    expect(JSON.parse(said)).toEqual(lockedBy(`Process ${process.pid}`, folder));
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
    expect(open(folder)).toEqual(lockedBy("Another process", folder));
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
    const [commit, acknowledge] = [
      '      db.run("COMMIT");\n',
      "    for (const resolve of settle) resolve();\n",
    ];
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
      expect(file.notReadyReason()).toBeNull();
      const path = join(folder, name);
      renameSync(path, `${path}.away`);
      expect(file.notReadyReason()).toStartWith(`${name} was moved, deleted or replaced`);
      await expect(insert(file, 2)).rejects.toThrow("could not commit");
      writeFileSync(path, "");
      expect(file.notReadyReason()).not.toBeNull();
      renameSync(`${path}.away`, path);
      await insert(file, 3);
      expect(file.notReadyReason()).toBeNull();
      expect(idsOf(file)).toEqual([1, 3]);
    });
  }
});

describe("a file that cannot be written", () => {
  for (const [name, harm, heal, code, reason] of [
    [
      "full disk",
      "PRAGMA max_page_count = 1",
      "PRAGMA max_page_count = 9999",
      "SQLITE_FULL",
      "the disk is full",
    ],
    ["read-only", "PRAGMA query_only = ON", "PRAGMA query_only = OFF", "SQLITE_READONLY", "this user"],
  ] as const) {
    test(`${name}: the cause is the reason, and logged once, until a write succeeds`, async () => {
      const lines: string[] = [];
      const folder = newFolder(parent);
      const file = openedIn(folder, undefined, (line) => lines.push(line));
      await createTable(file);
      file.db.run(harm);
      const grow = (id: number) =>
        file.write(() => {
          file.db.run("INSERT INTO rows VALUES (?)", [id]);
          file.db.run("CREATE TABLE IF NOT EXISTS grown (x TEXT) STRICT");
        });
      for (const id of [1, 2]) {
        const error = await grow(id).catch((error) => error);
        expect(error).toMatchObject({ name: "Unavailable", reason: "not_done", cause: { code } });
        expect(file.notReadyReason()).toContain(reason);
        expect(file.notReadyReason()).toContain(code);
      }
      expect(idsOf(file)).toEqual([]);
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ level: "error", code, path: join(folder, "sate.db") }),
      ]);
      file.db.run(heal);
      expect(file.notReadyReason()).not.toBeNull();
      await grow(3);
      expect([idsOf(file), file.notReadyReason(), lines.length]).toEqual([[3], null, 2]);
    });
  }
});

describe("a folder that cannot be used is refused in one sentence that says what to do", () => {
  const refusalOf = (folder: string) => {
    const refused = open(folder);
    if (refused.kind !== "refused") throw new Error("it was opened");
    expect(refused.reason).toMatch(
      /^The data folder .* cannot be used: .*, or choose another folder with DATA_DIR\.$/,
    );
    expect(refused.reason).toContain(folder);
    return { ...refused, kind: undefined };
  };
  const contains = (exitCode: number, ...texts: string[]) => ({
    exitCode,
    reason: expect.stringMatching(new RegExp(texts.join(".*"))),
  });
  /** A file of Sate with some pages. */
  async function filled(): Promise<string> {
    const folder = newFolder(parent);
    const file = opened(folder);
    await createTable(file);
    await file.write(() => {
      for (let id = 0; id < 10_000; id++) file.db.run("INSERT INTO rows VALUES (?)", [id]);
    });
    file.close();
    return folder;
  }

  test("it is a file, or lies in one", () => {
    const path = join(newFolder(parent), "file");
    writeFileSync(path, "");
    expect(refusalOf(path)).toMatchObject(contains(73, "a file is where", "EEXIST"));
    expect(refusalOf(join(path, "data"))).toMatchObject(contains(73, "a file is where", "ENOTDIR"));
  });

  test("sate.db or pid is a folder", () => {
    for (const name of ["sate.db", "pid"]) {
      const folder = newFolder(parent);
      mkdirSync(join(folder, name));
      const named = name === "pid" ? "/pid" : "";
      expect(refusalOf(folder)).toMatchObject(contains(73, "(EISDIR|SQLITE_CANTOPEN)", named));
    }
  });

  test("sate.db is no database, and stays as it is", () => {
    const folder = newFolder(parent);
    const text = "this is not a database, and nobody should make it one".repeat(100);
    writeFileSync(join(folder, "sate.db"), text);
    expect(refusalOf(folder)).toMatchObject(contains(78, "damaged", "SQLITE_NOTADB", "restore a copy"));
    expect(readFileSync(join(folder, "sate.db"), "utf8")).toBe(text);
  });

  test("sate.db is missing and its log is not, which stays as it is", () => {
    const folder = newFolder(parent);
    mkdirSync(folder, { recursive: true });
    const log = join(folder, "sate.db-wal");
    writeFileSync(log, "the latest writes");
    expect(refusalOf(folder)).toMatchObject(contains(78, "put sate.db back"));
    expect(readFileSync(log, "utf8")).toBe("the latest writes");
    expect(existsSync(join(folder, "sate.db"))).toBe(false);
  });

  test("sate.db was cut off", async () => {
    const folder = await filled();
    truncateSync(join(folder, "sate.db"), 10_000);
    expect(refusalOf(folder)).toMatchObject(contains(78, "damaged", "SQLITE_CORRUPT"));
  });

  test("a page in the middle of sate.db was overwritten", async () => {
    const folder = await filled();
    const path = join(folder, "sate.db");
    const bytes = readFileSync(path);
    bytes.fill(0xa5, 3 * 4_096, 4 * 4_096);
    writeFileSync(path, bytes);
    expect(refusalOf(folder)).toMatchObject(contains(78, "damaged", "SQLITE_CORRUPT"));
    expect(readFileSync(path)).toEqual(bytes);
  });
});
