import type { Worker } from "../ports.ts";

const namesMax = 20;

/**
 * The first names, in order, of processors that either this worker or another of these in its group serves, and the
 * other does not. Pure.
 */
export function groupDifferences(
  { id, group, processors }: Pick<Worker, "id" | "group" | "processors">,
  workers: Worker[],
): string[] {
  const own = new Set(processors);
  const others = workers.filter((worker) => worker.group === group && worker.id !== id);
  const differing = others.flatMap((other) => [...own.symmetricDifference(new Set(other.processors))]);
  return [...new Set(differing)].toSorted().slice(0, namesMax);
}
