import { createCounters } from "@sate/contracts/runtime";
import { type Compared, compareAll } from "./compare.ts";
import { copySettled } from "./copy.ts";
import { createPatience } from "./failure.ts";
import { nameOf, type Options } from "./options.ts";
import type { Progress } from "./progress.ts";
import { createSource, type Source } from "./source.ts";
import { createTarget } from "./target.ts";

export type Moved =
  /** Everything is in the new databases. Nothing was compared if an earlier call moved it. */
  { kind: "moved"; compared: Compared[] } | { kind: "copied" };

const lookMs = 200;

/**
 * Moves everything, or continues a move that was interrupted. Every step may be repeated:
 *
 * 1. Copy what no longer changes. The source continues to serve; nothing that may run is in the target.
 * 2. Seal the source: from one commit on, nothing in it changes and nothing of it runs.
 * 3. Make the target the same as the source, and compare both.
 * 4. Note in the target that it is whole; until then requests-service does not start on it.
 * 5. Note in the source that it was moved; from then on it does not start.
 */
export async function runMove(options: Options, progress: Progress): Promise<Moved> {
  const patiently = createPatience(progress.note);
  const source = createSource(options, patiently);
  const urls = { requests: options.requestsUrl, results: options.resultsUrl };
  const target = createTarget(urls, { counters: createCounters(), patiently });
  try {
    const { id, tables } = await source.begin();
    await target.connect();
    const ends = { source, target, progress };
    if ((await target.begin(id)) === "done") {
      await source.complete(id);
      return { kind: "moved", compared: [] };
    }
    await target.prepare();
    progress.begin(tables.reduce((sum, { records }) => sum + records, 0));
    await copySettled(ends);
    if (options.copyOnly) return { kind: "copied" };
    await seal(source, { id, target: targetName(options), progress });
    progress.begin((await source.begin()).tables.reduce((sum, { records }) => sum + records, 0));
    const compared = await compareAll(ends);
    await target.end();
    await source.complete(id);
    return { kind: "moved", compared };
  } finally {
    progress.end();
    await target.close();
  }
}

function targetName({ requestsUrl, resultsUrl }: Options): string {
  return `${nameOf(requestsUrl)} and ${nameOf(resultsUrl)}`;
}

/** Resolves when the source is sealed. If it was started again before that, it serves again, and is asked again. */
async function seal(
  source: Source,
  { id, target, progress }: { id: string; target: string; progress: Progress },
): Promise<void> {
  progress.note("From now on the server accepts nothing new. Running executions may finish.");
  let { phase, running } = await source.seal(id, target);
  let said = 0;
  while (phase === "serving" || phase === "draining") {
    if (running > 0 && running !== said) progress.note(`Executions still running: ${running}.`);
    said = running;
    await Bun.sleep(lookMs);
    ({ phase, running } = await source.state());
    if (phase === "serving") ({ phase, running } = await source.seal(id, target));
  }
  progress.note("The server is sealed. The rest is now copied, and everything is compared.");
}
