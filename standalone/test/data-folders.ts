import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes new, empty data folders for the tests of one file; they are deleted after the last one. */
export function dataFolders(): () => string {
  const parent = mkdtempSync(join(tmpdir(), "sate-standalone-"));
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  return () => mkdtempSync(join(parent, "data-"));
}
