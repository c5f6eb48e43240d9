import {
  type Claimable,
  defaultProcessor,
  defaultTimeoutSeconds,
  type ExecutionRef,
  formatTimestamp,
  type LogChunk,
  type Outcome,
  outcomeMark,
  type ProcessorAnnouncement,
  type Progress,
  type Run,
  Unavailable,
} from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

type Stored = Omit<Run, "try" | "left_ms"> & {
  status: "queued" | "running" | Outcome["status"];
  workerId?: string | undefined;
  claimId?: string | undefined;
  cancel: boolean;
  lost: number;
  tries: number;
  /** It is not claimable before a `retryIsDue`. The pause that was asked for. */
  waitsMs?: number | undefined;
  progress?: Progress | undefined;
  outcome?: Outcome;
  isMarked: boolean;
};

type Name = keyof Requests;

/**
 * requests-service in memory: it really enforces workers, claims and epochs, and can be made to fail. Every execution
 * here is the only one of its request.
 */
export function fakeRequests() {
  const stored = new Map<string, Stored>();
  const workers = new Map<string, "alive" | "given_up">();
  const announced = new Map<string, ProcessorAnnouncement[]>();
  const chunks = new Map<string, LogChunk>();
  const targets = new Map<string, Awaited<ReturnType<Requests["deliveryTarget"]>>>();
  const losses = new Map<Name, number>();
  const holds = new Map<Name, Promise<void>>();
  const responseHolds = new Map<Name, Promise<void>>();

  async function respond<T>(name: Name, work: () => T): Promise<T> {
    fake.calls.push(name);
    await holds.get(name);
    const unavailable = new Unavailable("requests-service did not respond in time.");
    if (fake.isAway) throw unavailable;
    const response = work();
    await responseHolds.get(name);
    const losing = losses.get(name) ?? 0;
    if (losing === 0) return response;
    losses.set(name, losing - 1);
    throw unavailable;
  }

  const heldBy = (workerId: string) =>
    [...stored.values()].filter((one) => one.status === "running" && one.workerId === workerId);

  const isClaimable = ({ status, waitsMs, processor }: Stored, processors: Claimable[] | undefined) =>
    status === "queued" &&
    waitsMs === undefined &&
    (processors?.some(({ name }) => name === processor) ?? true);

  function claim(
    { worker_id, claim_id, processors }: Claim,
    asked: ExecutionRef[],
    isByName: boolean,
  ): Awaited<ReturnType<Requests["claim"]>> {
    if (!workers.has(worker_id)) fake.violations.push("an unknown worker claimed");
    const refs = asked.slice(0, fake.runsPerClaim);
    const runs: Run[] = [];
    let unknown = 0;
    for (const { execution_id } of refs) {
      const execution = stored.get(execution_id);
      if (!execution) unknown++;
      else if (isClaimable(execution, processors)) {
        const epoch = execution.epoch + 1;
        Object.assign(execution, { status: "running", workerId: worker_id, claimId: claim_id, epoch });
      } else if (isByName && execution.status === "queued") {
        fake.violations.push("an execution was claimed by a worker that does not serve it");
      }
      if (execution?.status === "running" && execution.claimId === claim_id) {
        runs.push(runOf(execution, fake.leftMs ?? timeoutMs(execution, processors)));
      }
    }
    return { runs, refused: refs.length - runs.length - unknown, unknown, left: asked.length - refs.length };
  }

  /** As many of each processor as there is room for. */
  function claimable({ limit, processors }: { limit: number; processors?: Claimable[] | undefined }) {
    const left = new Map(processors?.map((one) => [one.name, one.limit]));
    const queued = [...stored.values()].filter((one) => {
      const room = left.get(one.processor) ?? Number.POSITIVE_INFINITY;
      if (!isClaimable(one, processors) || room < 1) return false;
      left.set(one.processor, room - 1);
      return true;
    });
    return queued.slice(0, limit);
  }

  function requeue(executions: Stored[], isLost: boolean) {
    for (const execution of executions) {
      const status = execution.cancel ? "cancelled" : "queued";
      Object.assign(execution, { status, workerId: undefined, claimId: undefined });
      if (isLost) execution.lost++;
    }
    return { handed_back: executions.length };
  }

  const api: Requests = {
    registerWorker: ({ worker_id, group, processors = [] }) =>
      respond("registerWorker", () => {
        if (!workers.has(worker_id)) workers.set(worker_id, "alive");
        announced.set(worker_id, processors);
        // Only a worker of a group is told.
        return group === undefined ? {} : { group_differs: fake.groupDiffers };
      }),
    heartbeat: ({ worker_id, progress = [] }) =>
      respond("heartbeat", () => {
        if (workers.get(worker_id) !== "alive") return { kind: "given_up" };
        for (const { execution_id, epoch, progress: reported } of progress) {
          const execution = stored.get(execution_id);
          fake.progressReports++;
          if (execution?.epoch === epoch) execution.progress = reported;
        }
        const runs = heldBy(worker_id).map((one) => {
          return { ...refOf(one), epoch: one.epoch, cancel: one.cancel };
        });
        return { kind: "alive", runs };
      }),
    endWorker: ({ worker_id }) =>
      respond("endWorker", () => {
        workers.delete(worker_id);
        return requeue(heldBy(worker_id), false);
      }),
    claim: ({ executions, ...asked }) => respond("claim", () => claim(asked, executions, true)),
    claimAny: (asked) =>
      respond("claimAny", () => {
        const held = heldBy(asked.worker_id).filter((one) => one.claimId === asked.claim_id);
        return claim(asked, (held.length > 0 ? held : claimable(asked)).map(refOf), false);
      }),
    finish: ({ runs }) =>
      respond("finish", () => {
        const answers = runs.map(({ execution_id, epoch, outcome }) => {
          const execution = stored.get(execution_id);
          if (!execution) return { kind: "unknown" as const };
          if (execution.outcome?.result_id === outcome.result_id) return { kind: "stored" as const };
          if (execution.status !== "running" || execution.epoch !== epoch)
            return { kind: "refused" as const };
          Object.assign(execution, { status: outcome.status, outcome, isMarked: true });
          return { kind: "stored" as const };
        });
        return { answers };
      }),
    retryLater: ({ runs }) =>
      respond("retryLater", () => {
        const answers = runs.map(({ execution_id, epoch, delay_ms }) => {
          const execution = stored.get(execution_id);
          if (!execution) return { kind: "unknown" as const };
          if (execution.epoch !== epoch) return { kind: "refused" as const };
          if (execution.status === "queued") return { kind: "retrying" as const };
          if (execution.status === "cancelled") return { kind: "ended" as const };
          if (execution.status !== "running") return { kind: "refused" as const };
          requeue([execution], false);
          execution.tries++;
          if (execution.cancel) return { kind: "ended" as const };
          execution.waitsMs = delay_ms;
          return { kind: "retrying" as const };
        });
        return { answers };
      }),
    appendLogs: (body) =>
      respond("appendLogs", () => {
        for (const chunk of body.chunks) {
          const key = `${chunk.execution_id} ${chunk.epoch} ${chunk.sequence}`;
          if (!chunks.has(key)) chunks.set(key, chunk);
        }
        return {};
      }),
    handBack: ({ runs }) =>
      respond("handBack", () => {
        const current = runs.flatMap(({ execution_id, epoch }) => {
          const execution = stored.get(execution_id);
          return execution?.status === "running" && execution.epoch === epoch ? [execution] : [];
        });
        return requeue(current, false);
      }),
    deliveryTarget: ({ webhook_id }) =>
      respond("deliveryTarget", () => targets.get(webhook_id) ?? { kind: "deleted" }),
    disableWebhook: ({ webhook_id }) =>
      respond("disableWebhook", () => {
        targets.set(webhook_id, { kind: "disabled" });
        return {};
      }),
    markPublished: ({ published }) =>
      respond("markPublished", () => {
        for (const { request_id, mark } of published) {
          const execution = [...stored.values()].find((one) => one.request_id === request_id);
          if (execution && mark === outcomeMark) execution.isMarked = false;
        }
        return {};
      }),
  };

  const fake = {
    ...api,
    /** Where the deliveries of webhooks go, by id. */
    targets,
    /** Operations so far, in order. */
    calls: [] as Name[],
    /** What no caller may do, a sentence each. */
    violations: [] as string[],
    /** While it is set, no operation does anything, and all reject. */
    isAway: false,
    /** What the workers of a group are told when they register. */
    groupDiffers: [] as string[],
    /** The most runs that fit into the response to a claim. */
    runsPerClaim: Number.POSITIVE_INFINITY,
    /** What is left until the deadline of claimed executions, instead of the timeout of their processor. */
    leftMs: undefined as number | undefined,
    progressReports: 0,
    workers,
    announced,

    queue(details: Partial<Pick<Run, "payload_json" | "processor">> = {}): ExecutionRef {
      const ref = { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: Bun.randomUUIDv7() };
      stored.set(ref.execution_id, {
        ...ref,
        ...{ force_error: false, creation_date: formatTimestamp(1_604_766_718_103) },
        ...{ payload_json: '{"message":"never in a log"}', processor: defaultProcessor, ...details },
        ...{ status: "queued", epoch: 0, cancel: false, lost: 0, tries: 0, isMarked: false },
      });
      return ref;
    },
    get: ({ execution_id }: ExecutionRef) => stored.get(execution_id) as Stored,
    all: () => [...stored.values()],
    cancel({ execution_id }: ExecutionRef) {
      (stored.get(execution_id) as Stored).cancel = true;
    },
    /** The pause before the next try is over. */
    retryIsDue({ execution_id }: ExecutionRef) {
      (stored.get(execution_id) as Stored).waitsMs = undefined;
    },
    /** The log of all runs of an execution. */
    logOf({ execution_id }: ExecutionRef): string {
      const ofExecution = [...chunks.values()].filter((chunk) => chunk.execution_id === execution_id);
      return ofExecution
        .toSorted((a, b) => a.epoch - b.epoch || a.sequence - b.sequence)
        .map(({ text }) => text)
        .join("");
    },
    /** As sweepers do it when a lease has expired: what the worker runs is queued again and counted as lost. */
    giveUp(workerId: string) {
      workers.set(workerId, "given_up");
      requeue(heldBy(workerId), true);
    },
    /** The next calls of this operation do their work, and their response is lost. */
    loseResponses: (name: Name, count: number) => void losses.set(name, count),
    /** Calls of this operation that are made from now on wait, before they do anything, until they are released. */
    hold: (name: Name) => heldIn(holds, name),
    /** The same, but they wait after they have done it: their responses are on the way. */
    holdResponses: (name: Name) => heldIn(responseHolds, name),
  };
  return fake;
}

type Claim = { worker_id: string; claim_id: string; processors?: Claimable[] | undefined };

function heldIn(holds: Map<Name, Promise<void>>, name: Name): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  holds.set(name, promise);
  return () => {
    if (holds.get(name) === promise) holds.delete(name);
    resolve();
  };
}

function refOf({ request_id, attempt, execution_id }: ExecutionRef): ExecutionRef {
  return { request_id, attempt, execution_id };
}

function runOf(one: Stored, left_ms: number): Run {
  const { epoch, force_error, creation_date, payload_json, processor, tries } = one;
  const run = { ...refOf(one), epoch, force_error, creation_date, payload_json, processor };
  return { ...run, try: tries + 1, left_ms };
}

function timeoutMs({ processor }: Stored, processors: Claimable[] = []): number {
  const { timeout_seconds = defaultTimeoutSeconds } = processors.find(({ name }) => name === processor) ?? {};
  return timeout_seconds * 1_000;
}
