import { isOwnProcessor, type WakeUp } from "@sate/contracts";

/** A wake-up that names its processor. */
export type NamedWakeUp = Required<WakeUp>;
type Room = { name: string; limit: number };

/** The capacity of all queues together, without those of Sate's own processors. */
const placesMax = 4_096;
const placesMin = 64;

/**
 * Executions that records named and that this process has not tried to claim yet: a queue for each processor, first in,
 * first out, each execution once. The queues share the capacity equally and are served in turn, so the backlog of one
 * processor neither displaces nor delays the wake-ups of another. Losing a wake-up is harmless, because the
 * database knows what is queued.
 */
export function createWakeUps() {
  /** The most recently served queue is last. */
  const queues = new Map<string, Map<string, NamedWakeUp>>();
  let served = 1;

  const places = () => Math.max(Math.floor(placesMax / served), placesMin);

  function queueOf(processor: string): Map<string, NamedWakeUp> {
    const queue = queues.get(processor) ?? new Map<string, NamedWakeUp>();
    queues.set(processor, queue);
    return queue;
  }

  /** Takes the first wake-up of the processor's queue. That queue is then the last to be served. */
  function takeFirst(processor: string): NamedWakeUp[] {
    const queue = queues.get(processor);
    const first = queue?.values().next().value;
    if (queue === undefined || first === undefined) return [];
    queue.delete(first.execution_id);
    queues.delete(processor);
    queues.set(processor, queue);
    return [first];
  }

  return {
    /** Appends it, unless it is queued already. Returns `false` if there is no room. */
    add(wakeUp: NamedWakeUp): boolean {
      const queue = queueOf(wakeUp.processor);
      const hasPlace = queue.size < places() || queue.has(wakeUp.execution_id);
      if (hasPlace) queue.set(wakeUp.execution_id, wakeUp);
      return hasPlace;
    },
    /** Requeues them at the front of their queues. Returns those at the end for which there is no longer any room. */
    requeue(wakeUps: NamedWakeUp[]): NamedWakeUp[] {
      const dropped: NamedWakeUp[] = [];
      for (const [processor, again] of Map.groupBy(wakeUps, (wakeUp) => wakeUp.processor)) {
        const all = new Map([...again, ...queueOf(processor).values()].map((one) => [one.execution_id, one]));
        dropped.push(...all.values().drop(places()));
        queues.set(processor, new Map(all.entries().take(places())));
      }
      return dropped;
    },
    /** How many could be taken. */
    ready(rooms: readonly Room[]): number {
      return rooms.reduce((sum, { name, limit }) => sum + Math.min(queues.get(name)?.size ?? 0, limit), 0);
    },
    /** Removes and returns up to `countMax`, of each processor no more than there is room for. */
    take(rooms: readonly Room[], countMax: number): NamedWakeUp[] {
      const left = new Map(rooms.map(({ name, limit }) => [name, limit]));
      const taken: NamedWakeUp[] = [];
      for (let before = -1; taken.length > before; ) {
        before = taken.length;
        for (const processor of [...queues.keys()]) {
          const limit = left.get(processor) ?? 0;
          if (limit < 1 || taken.length >= countMax) continue;
          const first = takeFirst(processor);
          left.set(processor, limit - first.length);
          taken.push(...first);
        }
      }
      return taken;
    },
    /** Drops the queue of this processor. Returns how many were in it. */
    drop(processor: string): number {
      const { size = 0 } = queues.get(processor) ?? {};
      queues.delete(processor);
      return size;
    },
    /** Serves only these processors from now on, and drops the queues of others. */
    serve(processors: readonly string[]): void {
      served = Math.max(processors.filter((name) => !isOwnProcessor(name)).length, 1);
      for (const processor of queues.keys()) if (!processors.includes(processor)) queues.delete(processor);
    },
  };
}
