import type { Ports as GatewayPorts } from "@sate/gateway";
import type { Ports as ListenerPorts } from "@sate/results-listener";

type Writer = ListenerPorts["writer"];
type Subscribe = NonNullable<GatewayPorts["onRecorded"]>;

/** The same writer, and a function that subscribes to what it has recorded: durable results, in the order of the writes. */
export function recordedResults(writer: Writer): { writer: Writer; subscribe: Subscribe } {
  const listeners: Parameters<Subscribe>[0][] = [];
  return {
    subscribe: (listener) => void listeners.push(listener),
    writer: {
      ...writer,
      async recordResults(results) {
        const answers = await writer.recordResults(results);
        for (const listener of listeners) listener(results);
        return answers;
      },
    },
  };
}
