import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, Progress } from "../../values/execution.ts";
import { ExecutionKey, Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { ProcessorAnnouncement } from "../../values/processor.ts";
import { ExecutionRef, FinishedRun, LogChunk, OutboxMark, Run, RunRef } from "./records.ts";
import { batch, tagged } from "./schema.ts";

const worker = { worker_id: Uuid };

/**
 * A processor whose executions a claim may return. A claim without `processors` returns executions of every processor,
 * with the timeout `defaultTimeoutSeconds`.
 */
const Claimable = Type.Object(
  {
    name: Type.String(),
    /** How many runs of this processor the worker has room for. Only `claimAny` uses it. */
    limit: Type.Integer({ minimum: 0 }),
    /** The deadline of an execution whose first run this is, unless the client asked for a shorter one. */
    timeout_seconds: Type.Number({ exclusiveMinimum: 0 }),
  },
  open,
);
export type Claimable = Static<typeof Claimable>;
/** Those that a worker announces, and Sate's own. */
const claimable = { processors: Type.Optional(batch(Claimable, limits.workerProcessorsMax + 1)) };
export const defaultTimeoutSeconds = 300;

const Claimed = Type.Object(
  {
    runs: Type.Array(Run),
    /** The number of named executions that are running or final, wait, or are for a processor that the claim does not name. */
    refused: Type.Integer(),
    /** The number of named executions that do not exist. */
    unknown: Type.Integer(),
    /** The number of named executions left queued because all payloads together would exceed `limits.claimBytesMax`. */
    left: Type.Optional(Type.Integer()),
  },
  open,
);

/** What workers do: the processors, and the gateway for remote workers. */
export const workerOperations = {
  /**
   * May be repeated when its processors have changed. The newest announcement of a name replaces the earlier ones and
   * ends its withdrawal. `refused`: names that stay unknown, because `limits.processorsMax` names or
   * `limits.processorsBytesMax` of announcements are known already. Nothing is announced for a worker whose lease has
   * expired, which it learns from its next heartbeat.
   */
  registerWorker: {
    path: "/internal/workers/register",
    body: Type.Object(
      {
        ...worker,
        name: Type.Optional(Type.String({ maxLength: 255 })),
        /** The consumer group: each wake-up reaches one of its workers. Absent for workers that consume no records. */
        group: Type.Optional(Type.String({ maxLength: 255 })),
        processors: Type.Optional(batch(ProcessorAnnouncement, limits.workerProcessorsMax)),
      },
      open,
    ),
    response: Type.Object(
      {
        refused: Type.Optional(Type.Array(Type.String())),
        /**
         * At most 20 names of processors that either this worker or another live worker of its group serves, but not
         * both. Absent if there are none.
         */
        group_differs: Type.Optional(Type.Array(Type.String())),
        /** LEASE_SECONDS: for workers that do not know it. */
        lease_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      },
      open,
    ),
  },
  /**
   * `runs`: those that the database holds for this worker. `given_up`: the lease expired, and the id can never be used
   * again.
   *
   * `held` is for workers that do not compare `runs` with their own: all runs of the worker are requeued, except these
   * and those of the claim `claim_id`. So the runs of a claim whose response was lost do not stay with it. Such a worker
   *
   * - has one claim under way at a time, and names it in `claim_id`; without one, the last claim that it sent;
   * - has one heartbeat under way at a time, and begins no new claim before its response, because a late one
   *   would requeue the runs of the new claim (a claim may be under way, or be repeated, meanwhile);
   * - lists a run, with its epoch, until the call that finishes or returns it has a response.
   */
  heartbeat: {
    path: "/internal/workers/heartbeat",
    body: Type.Object(
      {
        ...worker,
        progress: Type.Optional(
          batch(Type.Composite([RunRef, Type.Object({ progress: Progress })], open), limits.workerRunsMax),
        ),
        held: Type.Optional(batch(RunRef, limits.workerRunsMax)),
        claim_id: Type.Optional(Uuid),
      },
      open,
    ),
    response: Type.Union([
      Type.Object(
        {
          kind: Type.Literal("alive"),
          runs: Type.Array(Type.Composite([RunRef, Type.Object({ cancel: Type.Boolean() })], open)),
        },
        open,
      ),
      tagged("given_up"),
    ]),
  },
  /** A clean stop: requeues the runs that the worker still holds. They do not count as lost. */
  endWorker: {
    path: "/internal/workers/end",
    body: Type.Object(worker, open),
    response: Type.Object({ handed_back: Type.Integer() }, open),
  },
  /** `claim_id` is new for every claim and the same in its repetitions, which then return the same runs. */
  claim: {
    path: "/internal/runs/claim",
    body: Type.Object(
      { ...worker, claim_id: Uuid, executions: batch(ExecutionRef, limits.claimMax), ...claimable },
      open,
    ),
    response: Claimed,
  },
  /** Claims up to `limit` queued executions: for a processor that has capacity and receives no records. */
  claimAny: {
    path: "/internal/runs/claim-any",
    body: Type.Object(
      {
        ...worker,
        claim_id: Uuid,
        limit: Type.Integer({ minimum: 1, maximum: limits.claimMax }),
        ...claimable,
      },
      open,
    ),
    response: Claimed,
  },
  /** The commit point. `stored`: also if the same outcome was stored before. `refused`: the epoch is stale, or the execution has another outcome. */
  finish: {
    path: "/internal/runs/finish",
    body: Type.Object(
      {
        runs: batch(FinishedRun),
        /** Whether requests-service publishes the outcomes, as the caller cannot. */
        publish: Type.Optional(Type.Boolean()),
      },
      open,
    ),
    response: Type.Object(
      { answers: Type.Array(Type.Union([tagged("stored"), tagged("refused"), tagged("unknown")])) },
      open,
    ),
  },
  /**
   * A try failed and is to be repeated: requeues the execution, which waits for `delay_ms`. `ended`: instead it was
   * cancelled, because that was requested, or failed with `error`, because its deadline comes before the next try.
   * `retrying` and `ended` are returned for a repeated call, too.
   */
  retryLater: {
    path: "/internal/runs/retry-later",
    body: Type.Object(
      {
        runs: batch(
          Type.Composite(
            [
              RunRef,
              Type.Object({
                delay_ms: Type.Integer({ minimum: 1, maximum: limits.timeoutSecondsMax * 1_000 }),
                error: ExecutionError,
              }),
            ],
            open,
          ),
        ),
      },
      open,
    ),
    response: Type.Object(
      {
        answers: Type.Array(
          Type.Union([tagged("retrying"), tagged("ended"), tagged("refused"), tagged("unknown")]),
        ),
      },
      open,
    ),
  },
  /** Requeues runs. They do not count as lost. */
  handBack: {
    path: "/internal/runs/hand-back",
    body: Type.Object({ runs: batch(RunRef, limits.workerRunsMax) }, open),
    response: Type.Object({ handed_back: Type.Integer() }, open),
  },
  /** Clears the outbox marks of what the caller has published. */
  markPublished: {
    path: "/internal/outbox/published",
    body: Type.Object(
      { published: batch(Type.Composite([ExecutionKey, Type.Object({ mark: OutboxMark })], open), 4_096) },
      open,
    ),
    response: Type.Object({}, open),
  },
  /**
   * Best effort: a chunk that exists already is left as it is, and one of a run that does not exist, or beyond
   * `limits.logStoredBytesMax` of its run, is dropped. The chunks of a run are sent one call at a time, in order.
   */
  appendLogs: {
    path: "/internal/logs/append",
    body: Type.Object({ chunks: batch(LogChunk) }, open),
    response: Type.Object({}, open),
  },
} as const;
