import { basename } from "node:path";
import { type Snapshot, serveSnapshot } from "./snapshot.ts";

/**
 * The texts of the files that this process has imported, by path. Only the modules themselves can be imported again.
 */
const imported = new Map<string, string>();

/**
 * Imports a module into this process, each version as a module of its own, so that changes apply. Throws an error
 * with a sentence if a file that it imports has changed since this process imported it.
 */
export function importHere(snapshot: Snapshot): Promise<unknown> {
  const { main, version, files } = snapshot;
  const others = Object.entries(files).filter(([path]) => path !== main);
  for (const [path, { text }] of others) {
    if ((imported.get(path) ?? text) === text) continue;
    throw new Error(
      `the service process has already imported ${basename(path)}. Restart the service to apply the change.`,
    );
  }
  for (const [path, { text }] of others) imported.set(path, text);
  const query = `?${version}`;
  serveSnapshot(snapshot, query);
  return import(main + query);
}
