import { readdirSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { CreateRequest } from "@sate/contracts";
import { Value } from "@sinclair/typebox/value";

/** A file that declares a processor. */
export type ProcessorFile = { kind: "module" | "declaration"; path: string; name: string };

const nameRule =
  "use 1 to 64 lowercase letters, digits, dots, hyphens and underscores, starting with a letter or digit.";

/**
 * The processors of a folder, without its subfolders: `.ts` files except `.d.ts`, and `.toml` files. `reserved` names
 * cannot be used. A problem is one line that begins with the name of a file. Returns `null` if there is no such folder.
 */
export function processorFiles(
  folder: string,
  reserved: readonly string[],
): { files: ProcessorFile[]; problems: string[] } | null {
  const found: ProcessorFile[] = [];
  const problems: string[] = [];
  let entries: string[];
  try {
    entries = readdirSync(folder).toSorted();
  } catch {
    return null;
  }
  for (const entry of entries) {
    const extension = extname(entry);
    if ((extension !== ".ts" && extension !== ".toml") || entry.endsWith(".d.ts")) continue;
    const path = join(folder, entry);
    if (!isFile(path)) continue;
    const name = basename(entry, extension);
    if (!Value.Check(CreateRequest, { payload: null, processor: name })) {
      problems.push(`${entry}: "${name}" is not a valid processor name; ${nameRule}`);
    } else if (reserved.includes(name)) {
      problems.push(`${entry}: "${name}" is the name of a built-in processor.`);
    } else {
      found.push({ kind: extension === ".ts" ? "module" : "declaration", path, name });
    }
  }
  const files = found.filter(({ name }) => found.filter((other) => other.name === name).length === 1);
  for (const { path, name } of found) {
    if (files.some((file) => file.path === path)) continue;
    problems.push(`${basename(path)}: Another file also declares the processor ${name}; neither is served.`);
  }
  return { files, problems };
}

/** Whether this is a file, or a symbolic link to one. */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // such as one with a name that is too long
  }
}
