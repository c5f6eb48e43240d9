import type { Database } from "bun:sqlite";
import { isRelease010, upgradeRelease010 } from "./upgrade-0.1.0.ts";
import { upgradeVersion1 } from "./upgrade-version-1.ts";
import { upgradeVersion2 } from "./upgrade-version-2.ts";

/** "SATE", in the header of the file: it identifies the application. */
export const applicationId = 0x53415445;

/** `upgrades[n]` upgrades a file from version n to version n + 1. The services create tables that are missing. */
const upgrades: ((db: Database) => void)[] = [upgradeRelease010, upgradeVersion1, upgradeVersion2];

/** The version of the tables, in the file's header. 0.1.0 wrote none, so it is 0. */
export const schemaVersion = upgrades.length;

/**
 * Brings an open file to this version, in one transaction: it is all done or not at all. Returns why the file is
 * refused, a sentence for people, and has then changed nothing. Throws when another process has the file.
 */
export function upgrade(db: Database, path: string): string | null {
  const anotherFolder = "or choose another folder with DATA_DIR";
  const owner = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const isNew = db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null;
  const isOurs = owner === applicationId || (owner === 0 && version === 0 && (isNew || isRelease010(db)));
  if (!isOurs) return `${path} belongs to another application: move it away, ${anotherFolder}.`;
  if (version > schemaVersion) {
    return `${path} has schema version ${version}, this Sate supports versions up to ${schemaVersion}: start the Sate that wrote it or a newer one, ${anotherFolder}.`;
  }
  db.run("PRAGMA journal_mode = WAL");
  db.transaction(() => {
    if (!isNew) for (const step of upgrades.slice(version)) step(db);
    db.run(`PRAGMA application_id = ${applicationId}`);
    db.run(`PRAGMA user_version = ${schemaVersion}`);
  }).exclusive();
  return null;
}

function pragma(db: Database, name: "application_id" | "user_version"): number {
  const row = db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
  return row?.[name] ?? 0;
}
