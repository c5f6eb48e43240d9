import { defaultProcessor, defaultTimeoutSeconds, type ProcessorAnnouncement } from "@sate/contracts";
import { microBatch } from "@sate/contracts/runtime";
import type { Processors, Store } from "../ports.ts";
import type { KnownProcessor } from "./port.ts";

/** How long a processor may still be known here after another process has withdrawn it. */
const knownMs = 1_000;

/** The built-in simulation before a worker has announced it: the requests that name no processor need it. */
export const simulation: KnownProcessor = {
  announcement: { name: defaultProcessor, kind: "simulation", timeout_seconds: defaultTimeoutSeconds },
  bytes: 0,
  announced_at: 0,
};

/** The processors that requests may name, sorted by name: those that are not withdrawn, and always the simulation. */
export function available(stored: KnownProcessor[]): KnownProcessor[] {
  const found = stored.filter(({ withdrawn_at }) => withdrawn_at === undefined);
  if (found.some(({ announcement }) => announcement.name === defaultProcessor)) return found;
  return [...found, simulation].toSorted((a, b) => (a.announcement.name < b.announcement.name ? -1 : 1));
}

/** The processors for admission, without their input schemas, cached for `knownMs`. */
export type CachedProcessors = Processors & {
  /** Reads them again. What was stored before the call is known when it resolves. */
  refresh(): Promise<void>;
};

export function cachedProcessors(
  store: Pick<Store, "processors">,
  monotonic: () => number = () => performance.now(),
): CachedProcessors {
  let known = new Map<string, ProcessorAnnouncement>();
  let readAt = Number.NEGATIVE_INFINITY;
  /** One read at a time. A call during a read gets the next one, which begins after the call. */
  const read = microBatch(async (callers: null[]) => {
    const now = monotonic();
    const all = available(await store.processors.list());
    known = new Map(all.map(({ announcement }) => [announcement.name, announcement]));
    readAt = now;
    return callers.map(() => known);
  }, {});

  const recent = async () => (monotonic() - readAt < knownMs ? known : read(null));

  return {
    // An unknown name is read again, so that a processor can be used as soon as it is announced.
    async find(name) {
      return (await recent()).get(name) ?? (await read(null)).get(name);
    },
    async names() {
      return [...(await recent()).keys()];
    },
    async refresh() {
      await read(null);
    },
  };
}
