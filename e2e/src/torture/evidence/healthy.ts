import { type System, services } from "../../system/system.ts";
import type { Healthy } from "./evidence.ts";
import { every } from "./watch.ts";

const lookEveryMs = 1_000;
const callMs = 1_000;
/** Two looks that are further apart say nothing about the time between them. */
const gapMsMax = 3_000;

/** Watches when the processes that fire schedules are ready. */
export function watchHealthy(system: System): () => Promise<Healthy[]> {
  const found: Healthy[] = [];
  const latest = new Map<number, Healthy>();
  const prefix = system.kind === "standalone" ? "standalone" : "requests-service";
  const look = async () => {
    const asked = services(system, prefix).map(async ({ pid, port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/ready`, {
        headers: { authorization: `Bearer ${system.serviceToken}` },
        signal: AbortSignal.timeout(callMs),
      });
      const now = Date.now();
      const last = latest.get(pid);
      if (!response.ok) latest.delete(pid);
      else if (last && now - last.toMs <= gapMsMax) last.toMs = now;
      else {
        const begun = { pid, fromMs: now, toMs: now };
        latest.set(pid, begun);
        found.push(begun);
      }
    });
    await Promise.allSettled(asked);
  };
  return every(lookEveryMs, look, () => found);
}
