import type {
  Claimable,
  ExecutionRecord,
  ExecutionRef,
  IdempotencyKey,
  LogChunk,
  Outcome,
  RequestRecord,
  RequestsApi,
  RunRef,
} from "@sate/contracts";
import type { FakeProcessors } from "./processors.ts";

/** An execution, and what else requests-service knows about it. */
export type StoredExecution = ExecutionRecord & {
  worker_id?: string | undefined;
  claim_id?: string;
  cancel_requested?: boolean;
  key?: IdempotencyKey;
  outcome?: Outcome;
};

type Claim = { worker_id: string; claim_id: string; processors?: Claimable[] };

type Parts = {
  requests: Map<string, RequestRecord>;
  executions: Map<string, StoredExecution[]>;
  processors: FakeProcessors;
};

/** Chunks in one page of a log. */
const pageChunks = 3;

/** The runs of requests-service in memory: claims, heartbeats, ends and logs, fenced by the epoch. */
export function fakeRuns({ requests, executions, processors }: Parts) {
  const chunks: LogChunk[] = [];
  const published: string[] = [];
  const all = () => [...executions.values()].flat();
  const find = ({ request_id, attempt, execution_id }: RunRef) =>
    executions.get(request_id)?.find((one) => one.id === execution_id && one.attempt === attempt);
  const heldBy = (id: string) =>
    all().filter(({ status, worker_id }) => status === "running" && worker_id === id);
  const refOf = ({ request_id, attempt, id, epoch }: StoredExecution): RunRef => {
    return { request_id, attempt, execution_id: id, epoch };
  };
  const requeue = (some: StoredExecution[]) => {
    for (const one of some) {
      const status = one.cancel_requested ? "cancelled" : "queued";
      Object.assign(one, { status, worker_id: undefined, claim_id: undefined });
    }
    return some.length;
  };
  const isOf = (one: StoredExecution, { worker_id, claim_id }: Claim) =>
    one.status === "running" && one.worker_id === worker_id && one.claim_id === claim_id;
  const isClaimable = (one: StoredExecution, wanted: Claim["processors"]) =>
    one.status === "queued" &&
    one.start_after === undefined &&
    (wanted?.some(({ name }) => name === one.processor) ?? true);
  const take = (one: StoredExecution, { worker_id, claim_id }: Claim) =>
    Object.assign(one, { status: "running", epoch: one.epoch + 1, worker_id, claim_id });
  const runOf = (execution: StoredExecution, wanted: Claim["processors"] = []) => ({
    ...refOf(execution),
    force_error: execution.force_error,
    creation_date: execution.creation_date,
    payload_json: requests.get(execution.request_id)?.payload_json as string,
    processor: execution.processor,
    try: execution.tries + 1,
    left_ms: (wanted.find(({ name }) => name === execution.processor)?.timeout_seconds ?? 300) * 1_000,
  });

  function finish(run: RunRef & { outcome: Outcome }) {
    const execution = find(run);
    if (!execution) return { kind: "unknown" as const };
    const { outcome } = run;
    if (execution.outcome?.result_id === outcome.result_id) return { kind: "stored" as const };
    if (execution.status !== "running" || execution.epoch !== run.epoch) return { kind: "refused" as const };
    Object.assign(execution, { status: outcome.status, outcome, worker_id: undefined });
    published.push(execution.id);
    return { kind: "stored" as const };
  }

  const work = {
    heartbeat: ({ worker_id, held, claim_id, progress = [] }) => {
      const worker = processors.workers.get(worker_id);
      if (!worker || worker.isGone) return { kind: "given_up" as const };
      worker.beats++;
      for (const one of progress) {
        const execution = find(one);
        if (execution?.epoch === one.epoch) execution.progress = one.progress;
      }
      const isListed = (one: StoredExecution) =>
        held?.some(({ execution_id, epoch }) => execution_id === one.id && epoch === one.epoch) ?? true;
      requeue(heldBy(worker_id).filter((one) => !isListed(one) && one.claim_id !== claim_id));
      const runs = heldBy(worker_id).map((one) => ({
        ...refOf(one),
        cancel: one.cancel_requested ?? false,
      }));
      return { kind: "alive" as const, runs };
    },
    endWorker: ({ worker_id }) => {
      const handed_back = requeue(heldBy(worker_id));
      processors.workers.delete(worker_id);
      return { handed_back };
    },
    claim: (claim: Claim & { executions: ExecutionRef[] }) => {
      const { executions: named, processors: wanted } = claim;
      const found = named.flatMap((ref) => find({ ...ref, epoch: 0 }) ?? []);
      const free = found.filter((one) => isClaimable(one, wanted));
      for (const one of free) take(one, claim);
      const runs = found.filter((one) => isOf(one, claim)).map((one) => runOf(one, wanted));
      return { runs, refused: found.length - runs.length, unknown: named.length - found.length };
    },
    claimAny: (claim: Claim & { limit: number }) => {
      const { limit, processors: wanted } = claim;
      let claimed = all().filter((one) => isOf(one, claim));
      if (claimed.length === 0) {
        const rooms = new Map(wanted?.map(({ name, limit }) => [name, limit]));
        claimed = all().filter((one) => {
          const room = rooms.get(one.processor) ?? limit;
          if (!isClaimable(one, wanted) || room < 1) return false;
          rooms.set(one.processor, room - 1);
          return true;
        });
        claimed.splice(limit);
        for (const one of claimed) take(one, claim);
      }
      return { runs: claimed.map((one) => runOf(one, wanted)), refused: 0, unknown: 0 };
    },
    markPublished: () => ({}),
    handBack: ({ runs }) => {
      const current = runs.flatMap((run) => {
        const execution = find(run);
        return execution?.status === "running" && execution.epoch === run.epoch ? [execution] : [];
      });
      return { handed_back: requeue(current) };
    },
    finish: ({ runs }) => ({ answers: runs.map(finish) }),
    retryLater: ({ runs }) => ({
      answers: runs.map((run) => {
        const execution = find(run);
        if (!execution) return { kind: "unknown" as const };
        if (execution.epoch !== run.epoch) return { kind: "refused" as const };
        if (execution.cancel_requested) execution.status = "cancelled";
        if (execution.status === "cancelled") return { kind: "ended" as const };
        if (execution.status === "queued") return { kind: "retrying" as const };
        if (execution.status !== "running") return { kind: "refused" as const };
        const start_after = Date.now() + run.delay_ms;
        Object.assign(execution, { status: "queued", tries: execution.tries + 1, start_after });
        return { kind: "retrying" as const };
      }),
    }),
    appendLogs: ({ chunks: added }) => {
      for (const one of added.filter((chunk) => find(chunk))) {
        const isSame = (other: LogChunk) =>
          other.execution_id === one.execution_id &&
          other.epoch === one.epoch &&
          other.sequence === one.sequence;
        if (!chunks.some(isSame)) chunks.push(one);
      }
      return {};
    },
  } satisfies { [name in keyof RequestsApi]?: (body: Parameters<RequestsApi[name]>[0]) => unknown };

  return {
    work,
    /** Executions whose outcome requests-service publishes. */
    published,
    chunks,
    expire(workerId: string): void {
      const worker = processors.workers.get(workerId);
      if (worker) worker.isGone = true;
      requeue(heldBy(workerId));
    },
    readLog({
      execution_id,
      epoch,
      after,
    }: Pick<Parameters<RequestsApi["readLog"]>[0], "execution_id" | "epoch" | "after">) {
      const rest = chunks
        .filter((one) => one.execution_id === execution_id && (epoch ?? one.epoch) === one.epoch)
        .toSorted((a, b) => a.epoch - b.epoch || a.sequence - b.sequence)
        .filter((one) => {
          if (after === undefined) return true;
          return one.epoch > after.epoch || (one.epoch === after.epoch && one.sequence > after.sequence);
        });
      return { kind: "found" as const, chunks: rest.slice(0, pageChunks), more: rest.length > pageChunks };
    },
  };
}
