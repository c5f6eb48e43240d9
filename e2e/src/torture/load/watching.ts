import type { Answer } from "../../clients/client.ts";
import { readEvents, type StreamEvent } from "../../clients/event-source.ts";
import type { History, RecordingClient } from "../../clients/history.ts";
import { machineNs } from "../../runs/monotonic.ts";
import { isFinal } from "../evidence/evidence.ts";
import type { Journal } from "../evidence/journal.ts";

const waitSeconds = 5;

/** Clients that wait for an execution, and that stream it. `signal`: ends all streams. */
export function watchingClient(
  api: RecordingClient,
  { url, history, journal, signal }: { url: string; history: History; journal: Journal; signal: AbortSignal },
) {
  /** Notes a response that waited: if it has a result, everybody can read that now. */
  async function noteWait(requestId: string, state: Answer["json"]["execution"]): Promise<void> {
    const { id: executionId, status, result } = state;
    history.seen.push({ executionId, status, atNs: machineNs() });
    if (result === undefined) return;
    journal.waited.push({ executionId, status, resultId: result.id });
    const read = await api.ask("GET", `/requests/${requestId}/executions/${executionId}/results`);
    if (read?.status === 200 && read.json.results[0]?.id !== result.id)
      history.unread.push(`the result of ${executionId} was returned by a wait, then not found`);
  }

  return {
    noteWait,

    /** Waits for the execution, and returns its status; null if there was no response. */
    async wait(requestId: string, executionId: string): Promise<string | null> {
      const path = `/requests/${requestId}/executions/${executionId}`;
      const answer = await api.ask("GET", path, undefined, { prefer: `wait=${waitSeconds}` });
      if (answer?.status !== 200) return null;
      await noteWait(requestId, answer.json as unknown as Answer["json"]["execution"]);
      return answer.json.status;
    },

    /** Streams the execution until its result. The client loses its first connection after the first event. */
    async stream(requestId: string, executionId: string): Promise<string | null> {
      const path = `/requests/${requestId}/executions/${executionId}/events`;
      let isLost = false;
      const lose = () => {
        if (isLost) return;
        isLost = true;
        throw new Error("the connection is lost");
      };
      const read = await readEvents(`${url}${path}`, { onEvent: lose, signal }).catch(() => null);
      if (read === null) return null;
      const { events, connections } = read;
      const of = (name: string, field: string) =>
        events.filter(({ event }) => event === name).map(({ json }: StreamEvent) => String(json[field]));
      const finals = of("status", "status").filter(isFinal);
      for (const status of finals) history.seen.push({ executionId, status, atNs: machineNs() });
      journal.streamed.push({ executionId, finals, results: of("result", "id"), connections });
      return finals.at(-1) ?? null;
    },
  };
}
