import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { DataFile } from "../../src/sqlite/file.ts";
import { dataFolders } from "../data-folders.ts";
import { open, opened } from "./opened.ts";

const newFolder = dataFolders();
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const createTable = (file: DataFile) =>
  file.write(() => file.db.run("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY) STRICT"));
const insert = (file: DataFile, id: number) =>
  file.write(() => file.db.run("INSERT INTO rows VALUES (?)", [id]));
const idsOf = ({ db }: DataFile) =>
  db
    .query<{ id: number }, []>("SELECT id FROM rows ORDER BY id")
    .all()
    .map(({ id }) => id);

const lockedBy = (holder: string, folder: string) => ({
  kind: "refused" as const,
  reason: `${holder} is using ${folder}: stop it, or choose another folder with DATA_DIR.`,
  exitCode: 73 as const,
});

/** A process that opens the folder with these sources and runs `body`; resolves when it has printed something. */
async function inProcess(folder: string, body: string, sources = join(import.meta.dir, "../../src")) {
  const script = `
    const { openSqliteFile } = await import(${JSON.stringify(join(sources, "sqlite/file.ts"))});
    const opened = openSqliteFile(${JSON.stringify(folder)}, { onCommit() {}, log: { warn() {}, error() {} } });
    const { file } = opened;
    ${body}
    setInterval(() => {}, 1_000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  const said = new TextDecoder().decode((await child.stdout.getReader().read()).value).trim();
  return { child, said };
}

test("it writes ahead, fsyncs every commit, and no other user may read its files", async () => {
  const folder = join(newFolder(), "made");
  const { db } = opened(folder);
  const pragma = (name: string) => Object.values(db.query(`PRAGMA ${name}`).get() ?? {})[0];
  expect(["journal_mode", "synchronous", "locking_mode"].map(pragma)).toEqual(["wal", 2, "exclusive"]);
  const modes = [".", "pid", "sate.db", "sate.db-wal"].map(
    (name) => statSync(join(folder, name)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o600, 0o600, 0o600]);
});

describe("the lock", () => {
  test("only one process opens a folder; the next can when the first was killed", async () => {
    const folder = newFolder();
    const { child, said } = await inProcess(folder, "console.log(opened.kind);");
    expect(said).toBe("opened");
    expect(open(folder)).toEqual(lockedBy(`Process ${child.pid}`, folder));
    expect(readFileSync(join(folder, "pid"), "utf8").trim()).toBe(String(child.pid));
    // It is on the database: without the other files it still holds.
    rmSync(join(folder, "pid"));
    expect(open(folder)).toEqual(lockedBy("Another process", folder));
    child.kill("SIGKILL");
    await child.exited;
    opened(folder).close();
  });

  test("a close, also a second one, releases it", async () => {
    const folder = newFolder();
    const file = opened(folder);
    file.close();
    file.close();
    expect((await inProcess(folder, "console.log(opened.kind);")).said).toBe("opened");
  });

  test("a process of 0.1.0 that still runs keeps it out", () => {
    const folder = newFolder();
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
    const folder = newFolder();
    const { child } = await inProcess(folder, killAtAcknowledgement, sources);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    return idsOf(opened(folder));
  }

  test("is there after a kill -9 in the same instant", async () => {
    expect(await survivors()).toEqual([1]);
  });

  test("would not be, and this test would show it, if the group commit acknowledged before its COMMIT", async () => {
    const sources = newFolder();
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

test.each(["sate.db", "sate.db-wal"])(
  "while %s is gone nothing is acknowledged, and the reason says so",
  async (name) => {
    const folder = newFolder();
    const file = opened(folder);
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
  },
);

test.each([
  ["the disk is full", "PRAGMA max_page_count = 1", "PRAGMA max_page_count = 9999", "SQLITE_FULL"],
  ["it cannot be written by this user", "PRAGMA query_only = 1", "PRAGMA query_only = 0", "SQLITE_READONLY"],
])("while %s that is the not-ready reason, and logged once", async (what, harm, heal, code) => {
  const lines: string[] = [];
  const folder = newFolder();
  const file = opened(folder, undefined, (line) => lines.push(line));
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
    expect(file.notReadyReason()).toBe(`sate.db cannot be written: ${what} (${code}).`);
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

describe("a folder that cannot be used is refused in one sentence that says what to do", () => {
  const aFile = "a file is where a folder must be";
  const aFolder = "a folder is where a file must be";
  const damaged = (code: string) => `the file is damaged (${code}); restore a copy of the folder`;
  const at = (name: string) => (folder: string) => mkdirSync(join(folder, name));

  /** A file of Sate with some pages, and what `harm` does to its bytes. */
  const filled = (harm: (path: string) => void) => async (folder: string) => {
    const file = opened(folder);
    await createTable(file);
    await file.write(() => {
      for (let id = 0; id < 10_000; id++) file.db.run("INSERT INTO rows VALUES (?)", [id]);
    });
    file.close();
    harm(join(folder, "sate.db"));
  };
  const overwriteAPage = (path: string) => {
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xa5, 3 * 4_096, 4 * 4_096));
  };

  test.each<[string, number, (folder: string) => unknown, what: string, below?: string]>([
    ["it is a file", 73, at("x"), `${aFile} (EEXIST, PATH); move it away`, "file"],
    ["it lies in a file", 73, at("x"), `${aFile} (ENOTDIR, PATH); move it away`, "file/data"],
    ["sate.db is a folder", 73, at("sate.db"), `${aFolder} (EISDIR, PATH/sate.db); move it away`],
    ["pid is a folder", 73, at("pid"), `${aFolder} (EISDIR, PATH/pid); move it away`],
    [
      "sate.db is no database",
      78,
      (folder) => writeFileSync(join(folder, "sate.db"), "this is not a database".repeat(100)),
      damaged("SQLITE_NOTADB"),
    ],
    [
      "sate.db is missing and its log is not",
      78,
      (folder) => writeFileSync(join(folder, "sate.db-wal"), "the latest writes"),
      "sate.db is missing, but sate.db-wal is there and holds the latest writes; put sate.db back, move sate.db-wal away to start empty",
    ],
    ["sate.db was truncated", 78, filled((path) => truncateSync(path, 10_000)), damaged("SQLITE_CORRUPT")],
    ["a page of sate.db was overwritten", 78, filled(overwriteAPage), damaged("SQLITE_CORRUPT")],
  ])("%s", async (_, exitCode, prepare, what, below = "") => {
    const folder = newFolder();
    writeFileSync(join(folder, "file"), "");
    await prepare(folder);
    const filesOf = () => {
      const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
      return files.map(({ name }) => [name, readFileSync(join(folder, name)).toBase64()]);
    };
    const before = filesOf();
    const path = join(folder, below);
    const reason = `The data folder ${path} cannot be used: ${what.replace("PATH", path)}, or choose another folder with DATA_DIR.`;
    expect(open(path)).toEqual({ kind: "refused", reason, exitCode } as never);
    // A file with invalid content is left unchanged.
    if (exitCode === 78) expect(filesOf()).toEqual(before);
  });
});
