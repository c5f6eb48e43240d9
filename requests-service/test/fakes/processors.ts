import type { ProcessorAnnouncement } from "@sate/contracts";
import type { Processors } from "../../src/ports.ts";

/** Processors that tests announce and withdraw. Until one is announced, whatever a request names is known. */
export function fakeProcessors() {
  const announced = new Map<string, ProcessorAnnouncement>();
  return {
    announce(name: string, timeout_seconds = 300): void {
      announced.set(name, { name, kind: "module", timeout_seconds });
    },
    find: async (name) =>
      announced.size === 0 ? { name, kind: "module", timeout_seconds: 300 } : announced.get(name),
    names: async () => [...announced.keys()],
  } satisfies Processors & { announce: unknown };
}
