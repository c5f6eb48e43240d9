import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const lookMs = 500;

/**
 * Calls `then` after files in a folder or its subfolders have changed and have then stayed the same for one poll. The
 * folder may not exist yet. Polls, because there are no notifications for mounted folders and for folders that are
 * created later. Ignores packages and hidden files. Returns a function that ends the polling.
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
