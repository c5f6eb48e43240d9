import { type ExecutionRecord, type LogChunk, type ResultRecord, toJson } from "@sate/contracts";
import { executionStateView, resultOfExecutionView } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { printable } from "../logs/printable.ts";
import type { Bell } from "./bell.ts";
import { commentText, ended, eventText, firstText, nameOfState, type Place } from "./event.ts";
import type { LogFollower } from "./log-follower.ts";
import { readAgainMs } from "./read-result.ts";
import type { Seen, Watched } from "./watch.ts";

/** Proxies close connections that are silent for long, usually for a minute. */
const silenceMsMax = 5_000;

/**
 * The texts of the event stream of one execution, in order, after a place. Each is made when it is asked for: a client
 * that reads slowly gets the latest state, and nothing is kept for it but one part of the log.
 */
export function executionEvents(parts: {
  watched: Watched;
  log: LogFollower;
  /** Rung whenever `watched` or `log` has changed, or `isStopped`. */
  bell: Bell;
  readResult: (execution: ExecutionRecord) => Promise<ResultRecord | undefined>;
  uris: Uris;
  from: Place;
  isStopped: () => boolean;
}): () => Promise<string | null> {
  const { watched, log, bell, readResult, uris, isStopped } = parts;
  let place = parts.from;
  let hasBegun = false;
  let sent: ExecutionRecord | undefined;
  let refreshedFor = "";
  let silentSince = performance.now();

  /** Reads the log when it may have grown for the last time: before the first run there is none. */
  function refreshLog({ status, epoch }: ExecutionRecord, isRecorded: boolean): void {
    const moment = `${status} ${epoch} ${isRecorded}`;
    if (epoch > 0 && moment !== refreshedFor) log.refresh(status === "running");
    refreshedFor = moment;
  }

  function stateEvent(execution: ExecutionRecord): string | undefined {
    const text = executionStateView(uris, execution);
    const before = sent;
    sent = execution;
    const state = nameOfState(text);
    if (state === place.state) return undefined;
    place = { ...place, state };
    const { progress } = execution;
    const isOnlyProgress =
      before !== undefined && progress !== undefined && Bun.deepEquals({ ...before, progress }, execution);
    return isOnlyProgress ? eventText("progress", place, toJson(progress)) : eventText("status", place, text);
  }

  function logEvent({ epoch, sequence, text }: LogChunk): string {
    place = { ...place, epoch, sequence };
    return eventText("log", place, toJson({ run: epoch, text: printable(text) }));
  }

  async function resultEvent(execution: ExecutionRecord): Promise<string | undefined> {
    const result = await readResult(execution);
    if (result === undefined) {
      watched.lookForRemoval();
      return undefined;
    }
    place = { ...place, state: ended };
    return eventText("result", place, resultOfExecutionView(result));
  }

  /** The last event of an execution whose result was removed; `null` if everything was. */
  function goneEvent({ execution }: Seen): string | null {
    if (execution.removed_at === undefined) return null;
    place = { ...place, state: ended };
    return eventText("status", place, executionStateView(uris, execution));
  }

  /** The next event; `undefined` if there is none now. */
  async function nextEvent(): Promise<string | undefined> {
    const { execution, isRecorded } = watched.seen();
    refreshLog(execution, isRecorded);
    const changed = execution === sent ? undefined : stateEvent(execution);
    if (changed !== undefined) return changed;
    const chunk = log.take();
    if (chunk !== undefined) return logEvent(chunk);
    return isRecorded && log.isRead() ? await resultEvent(execution) : undefined;
  }

  return async () => {
    if (!hasBegun) {
      hasBegun = true;
      return firstText;
    }
    for (;;) {
      if (isStopped() || place.state === ended) return null;
      if (watched.seen().isGone) return goneEvent(watched.seen());
      const event = await nextEvent();
      const now = performance.now();
      const silentMs = now - silentSince;
      if (event !== undefined || silentMs >= silenceMsMax) {
        silentSince = now;
        return event ?? commentText;
      }
      const leftMs = silenceMsMax - silentMs;
      const isResultMissing = watched.seen().isRecorded && log.isRead();
      await bell.wait(isResultMissing ? Math.min(leftMs, readAgainMs) : leftMs);
    }
  };
}
