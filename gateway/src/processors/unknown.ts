import { Refusal } from "../http/problem-response.ts";

/** Maximum number of known names in a refusal. */
const namesMax = 100;

/** The refusal of a request that names a processor that was never announced or was withdrawn. */
export function unknownProcessor(known: readonly string[]): Refusal {
  return new Refusal(
    "unknown-processor",
    "No worker has announced a processor with this name, or it was withdrawn. Use one of `processors`, or start a worker that serves it. A worker reads new files in its folder when it starts, or at once with `bun run up --watch`.",
    { processors: known.slice(0, namesMax) },
  );
}
