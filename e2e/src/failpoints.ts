import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Settings } from "./system.ts";

/**
 * Every gap between two writes, and what must happen that it is passed. The tests of the house compare this
 * list with the sources.
 *
 * - load: clients that submit and execute.
 * - exhausted: an attempt at a request that has failed too often.
 * - lost: a run whose process was killed.
 */
export const failpoints: Record<string, "load" | "exhausted" | "lost"> = {
  "gateway.accepted": "load",
  "requests-service.stored": "load",
  "requests-service.published": "load",
  "requests-service.confirmed": "load",
  "requests-service.refusal-stored": "exhausted",
  "requests-service.refusal-published": "exhausted",
  "requests-service.orphaned": "lost",
  "requests-service.requeued": "lost",
  "processor.heard": "load",
  "processor.claimed": "load",
  "processor.ended": "load",
  "processor.finished": "load",
  "processor.published": "load",
  "results-listener.recorded": "load",
  "sqlite.committed": "load",
};

/** Settings that arm these failpoints to kill, once each, and a look at which of them have fired. */
export function armed(names: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "sate-failpoints-"));
  const log = join(folder, "fired");
  const settings: Settings = {
    SATE_TEST_BUILD: "1",
    SATE_FAILPOINT: names.map((name) => `${name}:kill`).join(","),
    SATE_FAILPOINT_LOG: log,
  };
  return {
    settings,
    fired: (): string[] => {
      const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
      return [...new Set(lines.flatMap((line) => line.split(" ")[0] || []))].toSorted();
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
