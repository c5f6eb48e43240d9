import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../until.ts";
import { signal } from "./processes.ts";
import type { TopicRecord } from "./system.ts";

const copyMs = 20_000;

/**
 * Reads the database of a running standalone. No other process may open it, so its process is stopped while its files
 * are copied: the copy is what a `kill -9` at that moment would leave behind. `pidOf` returns the current process. If
 * that ends meanwhile, the files of its successor are copied.
 */
export async function lookAtStandalone<T>(
  dataDir: string,
  pidOf: () => number | undefined,
  look: (db: Database) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sate-copy-"));
  try {
    await until("the database of standalone is copied", copyMs, () => isCopied(dataDir, folder, pidOf()));
    using db = new Database(join(folder, "sate.db"));
    return look(db);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isCopied(from: string, to: string, pid: number | undefined): boolean {
  if (pid === undefined || !existsSync(join(from, "sate.db")) || !signal(pid, "SIGSTOP")) return false;
  try {
    while (stateOf(pid) !== "T") if (stateOf(pid) === "") return false;
    rmSync(join(to, "sate.db-wal"), { force: true });
    for (const name of ["sate.db", "sate.db-wal"]) {
      if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
    }
    return stateOf(pid) === "T";
  } finally {
    signal(pid, "SIGCONT");
  }
}

/** `T` if stopped, empty if ended. */
function stateOf(pid: number): string {
  const { stdout } = Bun.spawnSync(["ps", "-o", "state=", "-p", String(pid)]);
  const state = stdout.toString().trim().slice(0, 1);
  return state === "Z" ? "" : state;
}

/** The dead letters, oldest first, of which a stored one of a refused attempt has no payload. */
export function deadLettersIn(db: Database): TopicRecord[] {
  type Row = { key: Uint8Array | null; value: Uint8Array | null; headers: string };
  const bytes = (value: Uint8Array | null) => value && Buffer.from(value);
  const rows = db.query<Row, []>("SELECT key, value, headers FROM dead_letters ORDER BY time, _id").all();
  return rows.map(({ key, value, headers }) => {
    const encoded = Object.entries(JSON.parse(headers) as Record<string, string>);
    const texts = encoded.map(([name, text]) => [name, Buffer.from(text, "base64").toString()]);
    return { key: bytes(key), value: bytes(value), headers: Object.fromEntries(texts) };
  });
}
