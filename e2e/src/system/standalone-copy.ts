import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const tryMs = 20_000;
const pauseMs = 20;

/**
 * Looks at the database of a running standalone. No other process may open it, so the process is stopped for as long as
 * its files are copied: the copy is what a `kill -9` at that moment would leave behind. `pidOf` names the process that
 * runs now; one that ends meanwhile is no harm, the copy is then made anew of its successor.
 */
export async function lookAtStandalone<T>(
  dataDir: string,
  pidOf: () => number | undefined,
  look: (db: Database) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sate-copy-"));
  try {
    for (const end = performance.now() + tryMs; ; await Bun.sleep(pauseMs)) {
      if (isCopied(dataDir, folder, pidOf())) break;
      if (performance.now() > end) throw new Error("the database of standalone could not be copied");
    }
    using db = new Database(join(folder, "sate.db"));
    return look(db);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isCopied(from: string, to: string, pid: number | undefined): boolean {
  if (pid === undefined || !existsSync(join(from, "sate.db"))) return false;
  try {
    process.kill(pid, "SIGSTOP");
    while (stateOf(pid) !== "T") if (stateOf(pid) === "") return false;
    rmSync(join(to, "sate.db-wal"), { force: true });
    for (const name of ["sate.db", "sate.db-wal"]) {
      if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
    }
    return stateOf(pid) === "T";
  } catch {
    return false; // It has ended.
  } finally {
    try {
      process.kill(pid, "SIGCONT");
    } catch {}
  }
}

/** `T` is stopped, nothing is gone. */
function stateOf(pid: number): string {
  const { stdout } = Bun.spawnSync(["ps", "-o", "state=", "-p", String(pid)]);
  const state = stdout.toString().trim().slice(0, 1);
  return state === "Z" ? "" : state;
}
