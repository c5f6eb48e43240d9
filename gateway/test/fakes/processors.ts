import { defaultProcessor, limits, type ProcessorAnnouncement, type ProcessorRecord } from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

export type FakeWorker = { name?: string | undefined; processors: string[]; beats: number; isGone: boolean };

/** The processors and workers of requests-service in memory. The simulation needs no announcement. */
export function fakeProcessors() {
  const announced = new Map<string, ProcessorAnnouncement & { announced_at: number }>();
  const workers = new Map<string, FakeWorker>();
  const simulation = {
    name: defaultProcessor,
    kind: "simulation" as const,
    timeout_seconds: 300,
    announced_at: 0,
  };
  announced.set(simulation.name, simulation);

  const lease = { seconds: 12 };
  const names = () => [...announced.keys()].sort();
  const find = (name: string) => announced.get(name);
  const record = (one: ProcessorAnnouncement & { announced_at: number }): ProcessorRecord => ({
    ...one,
    workers: [...workers]
      .filter(([, { processors, isGone }]) => !isGone && processors.includes(one.name))
      .map(([id, { name }]) => ({ id, ...(name !== undefined && { name }), seen_at: 1_700_000_000_000 })),
  });
  const unknown = () => ({ kind: "unknown_processor" as const, known: names() });
  const announce = (announcement: ProcessorAnnouncement) =>
    void announced.set(announcement.name, { ...announcement, announced_at: 1_700_000_000_000 });

  const work = {
    listProcessors: () => ({ processors: names().map((name) => record(find(name) as never)) }),
    getProcessor: ({ name }) => {
      const found = find(name);
      return found ? { kind: "found" as const, processor: record(found) } : unknown();
    },
    withdrawProcessor: ({ name }) => {
      const found = find(name);
      if (!found) return unknown();
      if (name === defaultProcessor || record(found).workers.length > 0) return { kind: "served" as const };
      announced.delete(name);
      return { kind: "withdrawn" as const };
    },
    registerWorker: ({ worker_id, name, processors = [] }) => {
      if (workers.get(worker_id)?.isGone) return {};
      const refused: string[] = [];
      for (const one of processors) {
        if (announced.has(one.name) || announced.size < limits.processorsMax) announce(one);
        else refused.push(one.name);
      }
      workers.set(worker_id, {
        name,
        processors: processors.map((one) => one.name),
        beats: 0,
        isGone: false,
      });
      return { lease_seconds: lease.seconds, ...(refused.length > 0 && { refused }) };
    },
  } satisfies { [name in keyof Requests]?: (body: Parameters<Requests[name]>[0]) => unknown };

  return { announced, workers, lease, names, find, announce, work };
}

export type FakeProcessors = ReturnType<typeof fakeProcessors>;
