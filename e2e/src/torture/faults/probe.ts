import { createClient } from "../../clients/client.ts";
import { recordingClient } from "../../clients/history.ts";
import { whoIsNotReady } from "../../system/system.ts";
import { isWithin } from "../../until.ts";
import { type Harm, kept, type Nemesis } from "./fault.ts";

const callMs = 3_000;
/** Within `recoverMs` requests succeed again. Processes have longer: a group waits for members that were killed. */
export const recoverMs = 15_000;
export const readyMs = 30_000;

/** Sends requests, past the queue of the load, until one has succeeded. Returns after how many milliseconds, or null after `mostMs`. */
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
      requestId = await client.submit({ token, payload: `{"token":"${token}"}`, processor: "trial-probe" });
      if (requestId === null) return false;
    }
    if (executionId === null) {
      const { id, status } = await client.execute(requestId);
      // An execution without a response may be stored all the same: then another request has to succeed.
      if (status === 409) requestId = null;
      executionId = id;
      if (requestId === null || executionId === null) return false;
    }
    return (await client.read(requestId, executionId)) === "succeeded";
  });
  return isThrough ? performance.now() - started : null;
}

/**
 * The promise after most faults: a request succeeds within `withinMs`, and each process that runs now is ready within
 * the time in which a group forgets its dead members. Processes that handlers kill meanwhile are not waited for.
 */
export async function recovered(nemesis: Nemesis, targets: string[], withinMs = recoverMs): Promise<Harm> {
  const { system } = nemesis;
  const there = new Set(system.processes().map(({ pid }) => pid));
  let left = "";
  const areReady = async () => {
    const notReady = (await whoIsNotReady(system)).filter(({ pid }) => there.has(pid));
    left = notReady.map(({ name, why }) => `${name}: ${why}`).join("; ");
    return left === "";
  };
  const throughMs = await throughEverything(nemesis, withinMs);
  if (throughMs === null) {
    await areReady();
    return kept(targets, false, "", `no request succeeded within ${withinMs / 1_000} s (not ready: ${left})`);
  }
  const outcome = `works again after ${(throughMs / 1_000).toFixed(1)} s`;
  const isReady = await isWithin(readyMs, areReady);
  return kept(targets, isReady, outcome, `${outcome}, but not ready ${readyMs / 1_000} s later: ${left}`);
}
