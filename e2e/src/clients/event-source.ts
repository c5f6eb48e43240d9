export type StreamEvent = { event: string; id: string; json: Record<string, unknown> };

const pauseMs = 100;
const attemptMsMax = 60_000;

/**
 * Reads the events of an execution until its result as EventSource does: whenever the connection ends, it connects again
 * with the id of the last event. Returns all events and how often it has connected. `onEvent` sees them as they come; if
 * it throws, the connection is closed. `signal` ends the reading, which then rejects.
 */
export async function readEvents(
  url: string,
  { onEvent = () => {}, signal }: { onEvent?: (event: StreamEvent) => void; signal?: AbortSignal } = {},
): Promise<{ events: StreamEvent[]; connections: number }> {
  const events: StreamEvent[] = [];
  let connections = 0;
  for (let failures = 0; events.at(-1)?.event !== "result"; ) {
    const lastId = events.at(-1)?.id;
    const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
    try {
      const signals = [AbortSignal.timeout(attemptMsMax), ...(signal ? [signal] : [])];
      const response = await fetch(url, { headers, signal: AbortSignal.any(signals) });
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      connections++;
      for await (const event of eventsIn(response)) {
        events.push(event);
        onEvent(event);
      }
    } catch (error) {
      if (signal?.aborted || ++failures > attemptMsMax / pauseMs) throw error;
    }
    await Bun.sleep(pauseMs);
  }
  return { events, connections };
}

async function* eventsIn(response: Response): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const of = (name: string) =>
        [...block.matchAll(new RegExp(`^${name}: (.*)$`, "gm"))].map(([, value]) => value).join("\n");
      if (of("data") !== "") yield { event: of("event"), id: of("id"), json: JSON.parse(of("data")) };
    }
  }
}
