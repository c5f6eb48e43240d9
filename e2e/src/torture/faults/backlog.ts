import { createClient } from "../../clients/client.ts";
import { recordingClient } from "../../clients/history.ts";
import { isWithin } from "../../until.ts";
import { spare } from "../links.ts";
import { type Fault, signal } from "./fault.ts";

const queued = 20_000;
const clients = 48;
const lookMs = 2_000;
const drainMs = 20 * 60_000;

/** Many executions wait while there is no processor at all; then they come back. */
export const backlog: Fault = {
  id: "F20",
  name: `${queued} executions queued, then the processors come back`,
  mostMs: drainMs,
  fromMinutes: 30,
  async run({ system, history, store }) {
    const those = system.processes("processor");
    system.holdBack([...spare, ...those.map(({ name }) => name)]);
    for (const { pid } of those) signal(pid, "SIGTERM");
    let left = queued;
    let accepted = 0;
    const api = recordingClient(createClient(system.url), history);
    const client = async (turn: number) => {
      while (left-- > 0) {
        const token = `backlog-${turn}-${left}`;
        const payload = `{"token":"${token}"}`;
        const requestId = await api.submit({ token, payload, processor: "trial-fast" });
        if (requestId !== null && (await api.execute(requestId)).id !== null) accepted++;
      }
    };
    await Promise.all(Array.from({ length: clients }, (_, turn) => client(turn)));
    const waiting = await store.active();
    const since = performance.now();
    system.holdBack(spare);
    // Those that come meanwhile are always there, a few at a time.
    const isDrained = await isWithin(drainMs, async () => {
      await Bun.sleep(lookMs);
      return (await store.active()) < queued / 40;
    });
    const seconds = ((performance.now() - since) / 1_000).toFixed(0);
    const outcome = `${accepted} accepted, ${waiting} waited, drained in ${seconds} s`;
    const targets = those.map(({ name }) => name);
    return isDrained ? { targets, outcome } : { targets, outcome, broken: `not drained in ${seconds} s` };
  },
};
