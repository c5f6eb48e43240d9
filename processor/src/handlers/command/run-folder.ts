import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

/** The files of one run of a command. The command writes them, and may do anything else to them. */
export type RunFolder = {
  /** The working directory. */
  work: string;
  /** For temporary files, which a command that is killed leaves behind. */
  temporary: string;
  outputs: string;
  error: string;
  progress: string;
  /** Deletes all of it, including the files of the command. Rejects if that is not possible. */
  remove(): Promise<void>;
};

/** Creates the folder of one run in `parent`, which other users cannot read. */
export async function createRunFolder(parent: string): Promise<RunFolder> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(parent, "run-"));
  const [work, temporary] = [join(folder, "work"), join(folder, "tmp")];
  await Promise.all([mkdir(work), mkdir(temporary)]);
  return {
    work,
    temporary,
    outputs: join(folder, "outputs"),
    error: join(folder, "error"),
    progress: join(folder, "progress"),
    remove: () => remove(folder),
  };
}

/**
 * Some tools create read-only folders, such as Go's module cache. Those must be made writable before they can be
 * deleted.
 */
async function remove(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    await Bun.spawn(["chmod", "-R", "u+rwX", folder], { stdio: ["ignore", "ignore", "ignore"] }).exited;
    await rm(folder, { recursive: true, force: true });
  }
}

export type FileReading =
  | { kind: "read"; bytes: Buffer }
  | { kind: "absent" }
  | { kind: "too_large" }
  /** A symbolic link, a pipe, a folder, … */
  | { kind: "not_a_file" };

/**
 * Reads a regular file of at most `bytesMax` bytes. Does not follow links, wait for pipes, or read much more than that
 * if the file is larger or grows.
 */
export function readSmallFile(path: string, bytesMax: number): FileReading {
  return withFile(path, (file, size): FileReading => {
    if (size > bytesMax) return { kind: "too_large" };
    const bytes = readAt(file, 0, bytesMax + 1);
    return bytes.length > bytesMax ? { kind: "too_large" } : { kind: "read", bytes };
  });
}

/** The last `bytesMax` bytes of a regular file; empty if there is none. */
export function readFileEnd(path: string, bytesMax: number): Buffer {
  const reading = withFile(path, (file, size): FileReading => {
    return { kind: "read", bytes: readAt(file, Math.max(size - bytesMax, 0), bytesMax) };
  });
  return reading.kind === "read" ? reading.bytes : Buffer.alloc(0);
}

function withFile(path: string, use: (file: number, size: number) => FileReading): FileReading {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return { kind: (error as { code?: unknown }).code === "ENOENT" ? "absent" : "not_a_file" };
  }
  try {
    const found = fstatSync(file);
    return found.isFile() ? use(file, found.size) : { kind: "not_a_file" };
  } finally {
    closeSync(file);
  }
}

function readAt(file: number, position: number, bytesMax: number): Buffer {
  const buffer = Buffer.alloc(bytesMax);
  let length = 0;
  while (length < bytesMax) {
    const read = readSync(file, buffer, length, bytesMax - length, position + length);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
}
