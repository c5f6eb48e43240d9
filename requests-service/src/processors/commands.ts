import type { ProcessorRecord, RequestsApi } from "@sate/contracts";
import type { Ports, Worker } from "../ports.ts";
import { liveWorkers } from "../workers/live.ts";
import { available, type CachedProcessors } from "./known.ts";
import type { KnownProcessor } from "./port.ts";
import type { Withdrawals } from "./withdraw.ts";

/** Reading and withdrawing processors. */
export function processorCommands(
  { store }: Pick<Ports, "store">,
  processors: Pick<CachedProcessors, "names">,
  withdrawals: Withdrawals,
) {
  const unknown = async () => ({ kind: "unknown_processor", known: await processors.names() }) as const;

  return {
    async listProcessors({ without_inputs = false }) {
      const stored = await store.processors.list({ withInputs: !without_inputs });
      const serving = servingOf(await liveWorkers(store));
      return { processors: available(stored).map((one) => recordOf(one, serving)) };
    },

    async getProcessor({ name }) {
      const found = available(await store.processors.get([name]));
      const processor = found.find(({ announcement }) => announcement.name === name);
      if (!processor) return unknown();
      return { kind: "found", processor: recordOf(processor, servingOf(await liveWorkers(store))) };
    },

    async withdrawProcessor({ name }) {
      const kind = await withdrawals.withdraw(name);
      return kind === "unknown" ? unknown() : { kind };
    },
  } satisfies Partial<RequestsApi>;
}

type Serving = Map<string, ProcessorRecord["workers"]>;

/** By the name of the processor: the workers that serve it. */
function servingOf(workers: Worker[]): Serving {
  const serving: Serving = new Map();
  for (const { id, name, seen_at, processors } of workers) {
    const worker = { id, ...(name !== undefined && { name }), ...(seen_at !== undefined && { seen_at }) };
    for (const processor of processors) {
      const list = serving.get(processor);
      if (list) list.push(worker);
      else serving.set(processor, [worker]);
    }
  }
  return serving;
}

function recordOf({ announcement, announced_at }: KnownProcessor, serving: Serving): ProcessorRecord {
  return { ...announcement, announced_at, workers: serving.get(announcement.name) ?? [] };
}
