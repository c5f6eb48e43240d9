import { createClient } from "../../clients/client.ts";
import { recordingClient } from "../../clients/history.ts";
import { whoIsNotReady } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import type { Harm, Nemesis } from "./fault.ts";

const callMs = 3_000;
/** In which all works again, and in which each process is ready: a group waits for members that were killed. */
export const recoverMs = 15_000;
export const readyMs = 30_000;

/**
 * One request through everything: stored, executed, run, and read as succeeded. Answers after how many milliseconds, or
 * null if it did not come to that in time.
 */
export async function throughEverything(
  { system, history }: Nemesis,
  mostMs: number,
): Promise<number | null> {
  const started = performance.now();
  const client = recordingClient(createClient(system.url, callMs), history);
  let requestId: string | null = null;
  let executionId: string | null = null;
  const isThrough = await isWithin(mostMs, async () => {
    if (requestId === null) {
      const token = `probe-${crypto.randomUUID()}`;
      requestId = await client.submit({ token, payload: `{"token":"${token}"}`, processor: "trial-fast" });
      if (requestId === null) return false;
    }
    if (executionId === null) {
      const { id, status } = await client.execute(requestId);
      // One that was not answered may be there all the same: then another request has to show it.
      if (status === 409) requestId = null;
      executionId = id;
      if (requestId === null || executionId === null) return false;
    }
    return (await client.read(requestId, executionId)) === "succeeded";
  });
  return isThrough ? performance.now() - started : null;
}

/**
 * All works again, within 15 s where nothing else is said: a request goes through everything; and each process that is
 * there now is ready, within a time in which a group has forgotten its dead. Those that handlers end meanwhile have
 * their own time.
 */
export async function recovered(nemesis: Nemesis, targets: string[], withinMs = recoverMs): Promise<Harm> {
  const { system } = nemesis;
  const there = new Set(system.processes().map(({ pid }) => pid));
  const throughMs = await throughEverything(nemesis, withinMs);
  if (throughMs === null) {
    const those = (await whoIsNotReady(system)).map(({ name, why }) => `${name}: ${why}`).join("; ");
    const broken = `no request went through everything within ${withinMs / 1_000} s (not ready: ${those})`;
    return { targets, outcome: broken, broken };
  }
  let left: string[] = [];
  const areReady = await isWithin(readyMs, async () => {
    const notReady = (await whoIsNotReady(system)).filter(({ pid }) => there.has(pid));
    left = notReady.map(({ name, why }) => `${name}: ${why}`);
    return notReady.length === 0;
  });
  const outcome = `works again after ${(throughMs / 1_000).toFixed(1)} s`;
  if (areReady) return { targets, outcome };
  const broken = `not ready after ${readyMs / 1_000} s more: ${left.join("; ")}`;
  return { targets, outcome: `${outcome}, ${broken}`, broken };
}
