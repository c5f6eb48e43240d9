import { errorFields } from "@sate/contracts/runtime";
import type { Ingress } from "../capacity/ingress.ts";
import { createLimitedLog } from "../http/limited-log.ts";
import type { Uris } from "../http/uris.ts";
import type { Ports } from "../ports.ts";
import { createLogPoll } from "./log-follower.ts";
import { createReadResult } from "./read-result.ts";
import { createStreams } from "./streams.ts";
import { createWaitForEnd } from "./wait.ts";
import { createWatch } from "./watch.ts";

/** Waiting for executions and streaming them. Both share what is polled. */
export function createWatching(
  ports: Ports,
  own: { ingress: Ingress; uris: Uris; stopping: AbortSignal; mayRead: (request: Request) => boolean },
) {
  const limitedLog = createLimitedLog(ports.log);
  const polled = {
    ...ports,
    onFailure(error: unknown) {
      ports.counters.add("polls_failed");
      limitedLog.warn("polling watched executions failed; the gateway tries again", errorFields(error));
    },
  };
  const parts = {
    ...{ ...ports, ...own },
    watch: createWatch(polled),
    logs: createLogPoll(polled),
    readResult: createReadResult({ ...ports, ...own }),
  };
  return { waitForEnd: createWaitForEnd(parts), openStream: createStreams(parts) };
}
