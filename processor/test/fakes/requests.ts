import {
  type ExecutionRef,
  formatTimestamp,
  type Outcome,
  outcomeMark,
  type Run,
  Unavailable,
} from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

type Stored = Omit<Run, "epoch"> & {
  status: "queued" | "running" | Outcome["status"];
  epoch: number;
  workerId?: string | undefined;
  claimId?: string | undefined;
  cancel: boolean;
  lost: number;
  outcome?: Outcome;
  isMarked: boolean;
};

type Name = keyof Requests;

/** requests-service in memory: it really enforces workers, claims and epochs, and can be made to fail. */
export type FakeRequests = Requests & {
  /** Queues an execution. */
  queue(details?: Partial<Pick<Run, "force_error" | "payload_json" | "processor">>): ExecutionRef;
  get(ref: ExecutionRef): Stored;
  all(): Stored[];
  cancel(ref: ExecutionRef): void;
  /** As sweepers do it with a silent worker: what it runs is queued again and counted as lost. */
  giveUp(workerId: string): void;
  workers(): Map<string, "alive" | "given_up">;
  /** Operations so far, in order. */
  readonly calls: Name[];
  /** While it is set, no operation does anything, and all reject. */
  isAway: boolean;
  /** So many runs fit into the answer to a claim. */
  answerMax: number;
  /** The next calls of this operation do their work, and their answer is lost. */
  loseAnswers(name: Name, count: number): void;
  /** Calls of this operation that are made from now on wait, before they do anything, until they are released. */
  hold(name: Name): () => void;
  /** The same, but they wait after they have done it: their answers are on the way. */
  holdAnswers(name: Name): () => void;
  /** What no caller may do, a sentence each. */
  readonly violations: string[];
};

export function fakeRequests(): FakeRequests {
  const stored = new Map<string, Stored>();
  /** Every execution here is the only one of its request. */
  const byRequest = new Map<string, Stored>();
  const workers = new Map<string, "alive" | "given_up">();
  const calls: Name[] = [];
  const violations: string[] = [];
  const losses = new Map<Name, number>();
  const holds = new Map<Name, Promise<void>>();
  const answerHolds = new Map<Name, Promise<void>>();
  let isAway = false;
  let answerMax = Number.POSITIVE_INFINITY;

  async function answer<T>(name: Name, work: () => T): Promise<T> {
    calls.push(name);
    await holds.get(name);
    if (isAway) throw new Unavailable("requests-service did not respond in time.");
    const given = work();
    await answerHolds.get(name);
    const losing = losses.get(name) ?? 0;
    if (losing === 0) return given;
    losses.set(name, losing - 1);
    throw new Unavailable("requests-service did not respond in time.");
  }

  function claim(worker_id: string, claim_id: string, asked: ExecutionRef[]) {
    if (workers.get(worker_id) === undefined) violations.push("an unknown worker claimed");
    const runs: Run[] = [];
    const refs = asked.slice(0, answerMax);
    let unknown = 0;
    for (const { execution_id } of refs) {
      const execution = stored.get(execution_id);
      if (!execution) unknown++;
      else if (execution.status === "queued") {
        Object.assign(execution, { status: "running", workerId: worker_id, claimId: claim_id });
        execution.epoch++;
        runs.push(runOf(execution));
      } else if (execution.status === "running" && execution.claimId === claim_id)
        runs.push(runOf(execution));
    }
    const left = asked.length - refs.length;
    return { runs, refused: refs.length - runs.length - unknown, unknown, left };
  }

  function putBack(executions: Stored[], isLost: boolean): number {
    for (const execution of executions) {
      const status = execution.cancel ? "cancelled" : "queued";
      Object.assign(execution, { status, workerId: undefined, claimId: undefined });
      if (isLost) execution.lost++;
    }
    return executions.length;
  }

  const heldBy = (workerId: string) =>
    [...stored.values()].filter((one) => one.status === "running" && one.workerId === workerId);

  return {
    registerWorker: ({ worker_id }) =>
      answer("registerWorker", () => {
        if (!workers.has(worker_id)) workers.set(worker_id, "alive");
        return {};
      }),
    heartbeat: ({ worker_id }) =>
      answer("heartbeat", () => {
        if (workers.get(worker_id) !== "alive") return { kind: "given_up" };
        const runs = heldBy(worker_id).map((one) => ({
          ...refOf(one),
          epoch: one.epoch,
          cancel: one.cancel,
        }));
        return { kind: "alive", runs };
      }),
    endWorker: ({ worker_id }) =>
      answer("endWorker", () => {
        workers.delete(worker_id);
        return { handed_back: putBack(heldBy(worker_id), false) };
      }),
    claim: ({ worker_id, claim_id, executions }) =>
      answer("claim", () => claim(worker_id, claim_id, executions)),
    claimAny: ({ worker_id, claim_id, limit }) =>
      answer("claimAny", () => {
        const all = [...stored.values()];
        const held = all.filter((one) => one.status === "running" && one.claimId === claim_id);
        const queued = all.filter(({ status }) => status === "queued").slice(0, limit);
        return claim(worker_id, claim_id, (held.length > 0 ? held : queued).map(refOf));
      }),
    finish: ({ runs }) =>
      answer("finish", () => {
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
      answer("handBack", () => {
        const current = runs.flatMap(({ execution_id, epoch }) => {
          const execution = stored.get(execution_id);
          return execution?.status === "running" && execution.epoch === epoch ? [execution] : [];
        });
        return { handed_back: putBack(current, false) };
      }),
    markPublished: ({ published }) =>
      answer("markPublished", () => {
        for (const { request_id, mark } of published) {
          const execution = byRequest.get(request_id);
          if (execution && mark === outcomeMark) execution.isMarked = false;
        }
        return {};
      }),

    queue(details = {}) {
      const ref = { request_id: Bun.randomUUIDv7(), attempt: 1, execution_id: Bun.randomUUIDv7() };
      const execution: Stored = {
        ...ref,
        force_error: false,
        creation_date: formatTimestamp(1_604_766_718_103),
        payload_json: '{"message":"never in a log"}',
        status: "queued",
        epoch: 0,
        cancel: false,
        lost: 0,
        isMarked: false,
        ...details,
      };
      stored.set(ref.execution_id, execution);
      byRequest.set(ref.request_id, execution);
      return ref;
    },
    get: ({ execution_id }) => stored.get(execution_id) as Stored,
    all: () => [...stored.values()],
    cancel({ execution_id }) {
      (stored.get(execution_id) as Stored).cancel = true;
    },
    giveUp(workerId) {
      workers.set(workerId, "given_up");
      putBack(heldBy(workerId), true);
    },
    workers: () => workers,
    calls,
    get isAway() {
      return isAway;
    },
    set isAway(is) {
      isAway = is;
    },
    get answerMax() {
      return answerMax;
    },
    set answerMax(max) {
      answerMax = max;
    },
    loseAnswers: (name, count) => void losses.set(name, count),
    hold: (name) => heldIn(holds, name),
    holdAnswers: (name) => heldIn(answerHolds, name),
    violations,
  };
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
  const { force_error, creation_date, payload_json, processor, epoch } = one;
  return {
    ...refOf(one),
    epoch,
    force_error,
    creation_date,
    payload_json,
    ...(processor !== undefined && { processor }),
  };
}
