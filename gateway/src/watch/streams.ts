import { type ExecutionRecord, limits } from "@sate/contracts";
import { errorFields, type Log } from "@sate/contracts/runtime";
import type { ApiKey } from "../access/api-keys.ts";
import { overloaded, Refusal } from "../http/problem-response.ts";
import type { Uris } from "../http/uris.ts";
import { createBell } from "./bell.ts";
import { type Place, start } from "./event.ts";
import { executionEvents } from "./execution-events.ts";
import { followLog, type LogPoll } from "./log-follower.ts";
import type { ReadResult } from "./read-result.ts";
import type { Watch } from "./watch.ts";

type Asked = {
  request: Request;
  key: ApiKey | undefined;
  execution: ExecutionRecord;
  /** Where a client that connects again left off. */
  from: Place | null;
};

/**
 * Creates the event streams of executions, within the limits of a gateway and of an API key. A stream ends after its last
 * event, when its client disconnects, and when a stop begins: the client then connects again, here or elsewhere.
 */
export function createStreams(parts: {
  log: Log;
  watch: Watch;
  logs: LogPoll;
  readResult: ReadResult;
  uris: Uris;
  stopping: AbortSignal;
}): (asked: Asked) => ReadableStream<Uint8Array> {
  const { watch, logs, readResult, uris, stopping } = parts;
  const countOf = new Map<string, number>();
  let count = 0;

  function take(key: ApiKey | undefined): () => void {
    if (stopping.aborted || count >= limits.streamsMax) throw overloaded();
    const ofKey = key === undefined ? 0 : (countOf.get(key.name) ?? 0);
    if (ofKey >= limits.streamsPerKeyMax) throw tooManyStreams();
    count++;
    if (key !== undefined) countOf.set(key.name, ofKey + 1);
    return () => {
      count--;
      if (key === undefined) return;
      const left = (countOf.get(key.name) ?? 1) - 1;
      if (left > 0) countOf.set(key.name, left);
      else countOf.delete(key.name);
    };
  }

  return ({ request, key, execution, from }) => {
    const release = take(key);
    const bell = createBell();
    const watched = watch.watch(execution, bell.ring);
    const { request_id, attempt, id: execution_id } = execution;
    const place = from ?? start;
    const log = followLog(logs, { request_id, attempt, execution_id }, place, bell.ring);
    const signals = [request.signal, stopping];
    let isStopped = false;

    function stop(): void {
      if (isStopped) return;
      isStopped = true;
      release();
      watched.stop();
      log.stop();
      for (const signal of signals) signal.removeEventListener("abort", stop);
      bell.ring();
    }
    for (const signal of signals) signal.addEventListener("abort", stop);
    if (request.signal.aborted) stop();

    const next = executionEvents({
      ...{ watched, log, bell, uris, from: place },
      readResult: (ofExecution) => readResult(request, ofExecution),
      isStopped: () => isStopped,
    });
    const encoder = new TextEncoder();
    let isCancelled = false;
    // It is pulled only when its client has read what came before.
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          try {
            const text = await next();
            if (isCancelled) return;
            if (text !== null) return controller.enqueue(encoder.encode(text));
            stop();
            controller.close();
          } catch (error) {
            parts.log.error("an event stream failed unexpectedly", { execution_id, ...errorFields(error) });
            stop();
            throw error;
          }
        },
        cancel() {
          isCancelled = true;
          stop();
        },
      },
      { highWaterMark: 0 },
    );
  };
}

function tooManyStreams(): Refusal {
  return new Refusal(
    "too-many-streams",
    `This API key has ${limits.streamsPerKeyMax} event streams open, which is the maximum. Close one, or wait for executions with \`Prefer: wait=N\`.`,
    {},
    { "retry-after": "5" },
  );
}
