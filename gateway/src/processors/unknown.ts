import { Refusal } from "../http/problem-response.ts";

/** The names that a refusal repeats. */
const namesMax = 100;

/** The refusal of a request that names a processor which was never announced, or is withdrawn. */
export function unknownProcessor(known: readonly string[]): Refusal {
  return new Refusal(
    "unknown-processor",
    "No worker has announced a processor of this name, or it was withdrawn. Use one of `processors`, or start a worker that serves it: new files in its folder are read when it starts, or at once with `bun run up --watch`.",
    { processors: known.slice(0, namesMax) },
  );
}
