import { type LogChunk, limits, type RunRef, runRef, type WorkerHeartbeat } from "@sate/contracts";
import { inParts, inTime } from "@sate/contracts/runtime";
import { unknownId } from "../http/parameters.ts";
import type { Ports } from "../ports.ts";

/** Logs must not delay the response to a heartbeat. */
const logMsMax = 2_000;

type RunsToStop = { cancel: RunRef[]; lost: RunRef[] };

/** Creates the heartbeat of remote workers: renews the lease, and compares the runs that the worker lists with those it holds. */
export function createHeartbeat({ requests, counters }: Pick<Ports, "requests" | "counters">) {
  return async (worker_id: string, { claim_id, runs }: WorkerHeartbeat): Promise<RunsToStop> => {
    const beat = await requests.heartbeat({
      worker_id,
      held: runs.map(runRef),
      progress: runs.flatMap(({ progress, ...run }) => (progress ? [{ ...runRef(run), progress }] : [])),
      ...(claim_id !== undefined && { claim_id }),
    });
    if (beat.kind === "given_up") throw unknownId("unknown_worker");
    const held = new Map(beat.runs.map((run) => [keyOf(run), run]));
    const listed = runs.filter((run) => held.has(keyOf(run)));
    await appendLogs(listed.flatMap(({ log, ...run }) => (log ? [{ ...runRef(run), ...log }] : [])));
    return {
      cancel: listed.filter((run) => held.get(keyOf(run))?.cancel).map(runRef),
      lost: runs.filter((run) => !held.has(keyOf(run))).map(runRef),
    };
  };

  /** Best effort. The chunks must belong to runs that the worker holds. */
  async function appendLogs(chunks: LogChunk[]): Promise<void> {
    const parts = inParts(chunks, { itemsMax: limits.batchItemsMax });
    try {
      await inTime(Promise.all(parts.map((part) => requests.appendLogs({ chunks: part }))), logMsMax);
    } catch {
      counters.add("remote_logs_lost", chunks.length);
    }
  }
}

const keyOf = ({ execution_id, epoch }: RunRef) => `${execution_id}:${epoch}`;
