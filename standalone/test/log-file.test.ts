import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OutgoingRecord, topics } from "@sate/contracts";
import { closeSqliteFile, openSqliteFile, type SqliteFile } from "../src/adapters/group-commit.ts";
import { createCounters } from "../src/counters.ts";
import { type LogFile, openLogFile } from "../src/log-file.ts";

const folders: string[] = [];
const open: { log: LogFile; file: SqliteFile }[] = [];
function closeAll(): void {
  for (const { log, file } of open.splice(0)) {
    log.close();
    closeSqliteFile(file);
  }
}
afterEach(() => {
  closeAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sate-log-"));
  folders.push(made);
  return made;
}

function openLog(path: string, counters = createCounters(), keptMax?: number): LogFile {
  const file = openSqliteFile(path, () => counters.add("sqlite_commits"));
  const log = openLogFile({ file, clock: () => 1_000, ...(keptMax !== undefined && { keptMax }) });
  open.push({ log, file });
  return log;
}

function record(value: string): OutgoingRecord {
  return { topic: topics.executions, key: "k", value, headers: { "schema-version": "1" } };
}

const values = (log: LogFile, from = 0) =>
  log.read(topics.executions, from, 100_000, 1e9).map(({ value }) => Buffer.from(value ?? []).toString());

describe("the log file", () => {
  test("keeps what was appended, in order, across openings", async () => {
    const path = join(folder(), "log.db");
    const first = openLog(path);
    await first.append([record("a"), record("b")]);
    await first.append([record("c")]);
    closeAll();
    const second = openLog(path);
    await second.append([record("d")]);
    expect(values(second)).toEqual(["a", "b", "c", "d"]);
    expect(second.read(topics.executions, 1, 2, 1e9).map(({ offset }) => offset)).toEqual(["1", "2"]);
    expect(values(second, 4)).toEqual([]);
  });

  test("a read ends at the bytes it may have, and always has one record", async () => {
    const log = openLog(join(folder(), "log.db"));
    await log.append([record("x".repeat(100)), record("y".repeat(100)), record("z")]);
    expect(log.read(topics.executions, 0, 10, 10)).toHaveLength(1);
    expect(log.read(topics.executions, 0, 10, 150)).toHaveLength(1);
    expect(log.read(topics.executions, 0, 10, 250)).toHaveLength(3);
  });

  test("an offset is kept across openings and never goes back", async () => {
    const path = join(folder(), "log.db");
    const first = openLog(path);
    await first.append([record("a")]);
    first.commit("g", topics.executions, 1);
    expect(first.committed("g", topics.executions)).toBe(1);
    closeAll();
    const second = openLog(path);
    expect(second.committed("g", topics.executions)).toBe(1);
    second.commit("g", topics.executions, 0);
    closeAll();
    expect(openLog(path).committed("g", topics.executions)).toBe(1);
  });

  test("records that come in one turn share a commit, and waiting offsets ride along", async () => {
    const counters = createCounters();
    const log = openLog(join(folder(), "log.db"), counters);
    log.commit("g", topics.executions, 0);
    await Promise.all(Array.from({ length: 64 }, (_, number) => log.append([record(String(number))])));
    expect(counters.read().sqlite_commits).toBe(1);
  });

  test("prunes what every group has committed, but keeps the newest, and offsets go on", async () => {
    const path = join(folder(), "log.db");
    const log = openLog(path, createCounters(), 10);
    const thousand = Array.from({ length: 1_000 }, (_, number) => record(String(number)));
    log.commit("slow", topics.executions, 400);
    log.commit("fast", topics.executions, 1_000);
    await log.append(thousand);
    expect(log.read(topics.executions, 0, 1, 1e9)[0]?.offset).toBe("400");
    log.commit("slow", topics.executions, 2_000);
    log.commit("fast", topics.executions, 2_000);
    await log.append(thousand);
    expect(log.read(topics.executions, 0, 1, 1e9)[0]?.offset).toBe("1989");
    await log.append([record("next")]);
    expect(log.read(topics.executions, 2_000, 10, 1e9).map(({ offset }) => offset)).toEqual(["2000"]);
  });

  test("after close it refuses, and closing twice is harmless", async () => {
    const log = openLog(join(folder(), "log.db"));
    log.close();
    log.close();
    expect(log.append([record("a")])).rejects.toThrow();
  });
});
