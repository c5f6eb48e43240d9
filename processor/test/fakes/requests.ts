import {
  type ExecutionRef,
  formatTimestamp,
  type Outcome,
  outcomeMark,
  type Run,
  Unavailable,
} from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

type Stored = Run & {
  status: "queued" | "running" | Outcome["status"];
  workerId?: string | undefined;
  claimId?: string | undefined;
  cancel: boolean;
  lost: number;
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

  function claim(workerId: string, claimId: string, asked: ExecutionRef[]) {
    if (!workers.has(workerId)) fake.violations.push("an unknown worker claimed");
    const refs = asked.slice(0, fake.runsPerClaim);
    const runs: Run[] = [];
    let unknown = 0;
    for (const { execution_id } of refs) {
      const execution = stored.get(execution_id);
      if (!execution) unknown++;
      if (execution?.status === "queued") {
        const epoch = execution.epoch + 1;
        Object.assign(execution, { status: "running", workerId, claimId, epoch });
      }
      if (execution?.status === "running" && execution.claimId === claimId) runs.push(runOf(execution));
    }
    return { runs, refused: refs.length - runs.length - unknown, unknown, left: asked.length - refs.length };
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
    registerWorker: ({ worker_id }) =>
      respond("registerWorker", () => {
        if (!workers.has(worker_id)) workers.set(worker_id, "alive");
        return {};
      }),
    heartbeat: ({ worker_id }) =>
      respond("heartbeat", () => {
        if (workers.get(worker_id) !== "alive") return { kind: "given_up" };
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
    claim: ({ worker_id, claim_id, executions }) =>
      respond("claim", () => claim(worker_id, claim_id, executions)),
    claimAny: ({ worker_id, claim_id, limit }) =>
      respond("claimAny", () => {
        const held = heldBy(worker_id).filter((one) => one.claimId === claim_id);
        const queued = [...stored.values()].filter(({ status }) => status === "queued").slice(0, limit);
        return claim(worker_id, claim_id, (held.length > 0 ? held : queued).map(refOf));
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
    handBack: ({ runs }) =>
      respond("handBack", () => {
        const current = runs.flatMap(({ execution_id, epoch }) => {
          const execution = stored.get(execution_id);
          return execution?.status === "running" && execution.epoch === epoch ? [execution] : [];
        });
        return requeue(current, false);
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
    /** Operations so far, in order. */
    calls: [] as Name[],
    /** What no caller may do, a sentence each. */
    violations: [] as string[],
    /** While it is set, no operation does anything, and all reject. */
    isAway: false,
    /** The most runs that fit into the response to a claim. */
    runsPerClaim: Number.POSITIVE_INFINITY,
    workers,

    queue(details: Partial<Pick<Run, "payload_json" | "processor">> = {}): ExecutionRef {
      const ref = { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: Bun.randomUUIDv7() };
      stored.set(ref.execution_id, {
        ...ref,
        ...{ force_error: false, creation_date: formatTimestamp(1_604_766_718_103) },
        ...{ payload_json: '{"message":"never in a log"}', ...details },
        ...{ status: "queued", epoch: 0, cancel: false, lost: 0, isMarked: false },
      });
      return ref;
    },
    get: ({ execution_id }: ExecutionRef) => stored.get(execution_id) as Stored,
    all: () => [...stored.values()],
    cancel({ execution_id }: ExecutionRef) {
      (stored.get(execution_id) as Stored).cancel = true;
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

function runOf(one: Stored): Run {
  const { epoch, force_error, creation_date, payload_json, processor } = one;
  const run = { ...refOf(one), epoch, force_error, creation_date, payload_json };
  return processor === undefined ? run : { ...run, processor };
}
