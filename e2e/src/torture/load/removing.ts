import type { Answer } from "../../clients/client.ts";
import type { RecordingClient } from "../../clients/history.ts";
import { machineNs } from "../../runs/monotonic.ts";
import type { Journal } from "../evidence/journal.ts";
import type { Created } from "./repeated.ts";

const triesMax = 20;
const pauseMs = 1_000;

const uses = [
  ["GET", ""],
  ["GET", "/executions"],
  ["GET", "/results"],
  ["POST", "/executions"],
] as const;

/** Clients that remove requests, and that ask for removed ones. `signal`: nothing is tried again. */
export function removingClient(
  api: RecordingClient,
  { journal, signal }: { journal: Journal; signal: AbortSignal },
) {
  return {
    /** Removes a request; again and again while it is active, or there is no response. */
    async remove(requestId: string): Promise<void> {
      journal.removing.add(requestId);
      for (let tries = 1; tries <= triesMax && !signal.aborted; tries++) {
        if ((await api.ask("DELETE", `/requests/${requestId}`))?.status === 204) {
          journal.removed.set(requestId, machineNs());
          return;
        }
        await Bun.sleep(pauseMs);
      }
    },

    /** Uses a removed request in every way. `again`: repeats the call that created it. */
    async revisit(requestId: string, again?: Created["again"]): Promise<void> {
      const check = (what: string, answer: Answer | null) => {
        if (answer === null || answer.status >= 500) return;
        journal.revisits++;
        if (answer.status !== 410)
          journal.served.push(`${what} of the removed request ${requestId} returned ${answer.status}`);
      };
      for (const [method, path] of uses) {
        const body = method === "POST" ? "{}" : undefined;
        check(`${method} ${path}`, await api.ask(method, `/requests/${requestId}${path}`, body));
      }
      if (again) check("the creation", await again());
    },
  };
}
