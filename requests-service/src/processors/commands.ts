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
      const workers = await liveWorkers(store);
      return { processors: available(stored).map((one) => recordOf(one, workers)) };
    },

    async getProcessor({ name }) {
      const found = available(await store.processors.get([name]));
      const processor = found.find(({ announcement }) => announcement.name === name);
      if (!processor) return unknown();
      return { kind: "found", processor: recordOf(processor, await liveWorkers(store)) };
    },

    async withdrawProcessor({ name }) {
      const kind = await withdrawals.withdraw(name);
      return kind === "unknown" ? unknown() : { kind };
    },
  } satisfies Partial<RequestsApi>;
}

function recordOf({ announcement, announced_at }: KnownProcessor, workers: Worker[]): ProcessorRecord {
  const serving = workers.filter(({ processors }) => processors.includes(announcement.name));
  return {
    ...announcement,
    announced_at,
    workers: serving.map(({ id, name, seen_at }) => ({
      id,
      ...(name !== undefined && { name }),
      ...(seen_at !== undefined && { seen_at }),
    })),
  };
}
