export type Event = { event: string; id: string; data: string; json: Record<string, unknown> };

/** The events of a stream, as EventSource reads them, and its comments. */
export function eventsOf(response: Response) {
  const events: Event[] = [];
  const others: string[] = [];
  let left = "";
  function take(text: string): void {
    const blocks = (left + text).split("\n\n");
    left = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = block.split("\n").map((line) => line.split(/: ?(.*)/s, 2) as [string, string]);
      const of = (name: string) =>
        fields.flatMap(([field, value]) => (field === name ? [value] : [])).join("\n");
      const data = of("data");
      if (data === "") others.push(block);
      else events.push({ event: of("event"), id: of("id"), data, json: JSON.parse(data) });
    }
  }
  const ended = (async () => {
    for await (const text of response.body?.pipeThrough(new TextDecoderStream() as never) ?? []) {
      take(text as unknown as string);
    }
  })();
  return {
    response,
    events,
    others,
    /** Resolves when the server has closed the stream. */
    ended,
    names: () => events.map(({ event, json }) => (event === "status" ? (json.status as string) : event)),
    log: () => events.flatMap(({ event, json }) => (event === "log" ? [json.text] : [])).join(""),
    lastId: () => events.at(-1)?.id as string,
  };
}

export type EventStream = ReturnType<typeof eventsOf>;
