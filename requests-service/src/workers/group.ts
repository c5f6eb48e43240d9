import type { Worker } from "../ports.ts";

const namesMax = 20;

/**
 * The first `namesMax` names, sorted, of processors that either this worker or another worker of its group serves, but
 * not both. Pure.
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
