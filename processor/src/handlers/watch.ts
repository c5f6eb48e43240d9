import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const lookMs = 500;

/**
 * Calls `then` after files in a folder or its subfolders have changed, as soon as they have been the same for one look.
 * The folder may not exist yet. It looks instead of being notified, because notifications are missing for mounted
 * folders and for folders that come later; packages and hidden files are left out. Returns a function that ends it.
 */
export function watchFolder(folder: string, then: () => void): () => void {
  let known = stateOf(folder);
  let last = known;
  const timer = setInterval(() => {
    const state = stateOf(folder);
    const isStable = state === last;
    last = state;
    if (!isStable || state === known) return;
    known = state;
    then();
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

function stateOf(folder: string): string {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(({ name }) => !name.startsWith(".") && name !== "node_modules")
      .map((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return stateOf(path);
        const { mtimeMs, size, ino } = statSync(path);
        return `${path} ${mtimeMs} ${size} ${ino}\n`;
      })
      .join("");
  } catch {
    return ""; // it does not exist, or is being changed
  }
}
