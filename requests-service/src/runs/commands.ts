import { type ExecutionRef, limits, type RequestRecord, type RequestsApi } from "@sate/contracts";
import { runOf, runRefOf } from "../executions/execution.ts";
import type { Claim, Ports } from "../ports.ts";
import { requestsOf } from "../requests/requests-of.ts";
import type { RequeueRuns } from "./requeue.ts";

/** `claimAny` reads this many times as many queued executions as it needs, so that idle processors do not all claim the same ones. */
const windowsMax = 4;

/** The commands of processors: leases, claims and ends of runs. */
export function runCommands({ store, random, counters }: Ports, requeueRuns: RequeueRuns) {
  /** Payloads never change, so they are read first: executions whose payloads do not fit the response stay queued. */
  async function claim(claim: Claim, refs: ExecutionRef[]) {
    const ids = [...new Set(refs.map(({ request_id }) => request_id))];
    const { found, isCut } = await store.requests.getWithin(ids, limits.claimBytesMax);
    const wanted = refs.filter(({ request_id }) => found.has(request_id));
    const { held, refused } = await store.runs.claim(claim, wanted);
    const left = isCut ? refs.length - wanted.length : 0;
    const unknown = refs.length - left - held.length - refused;
    counters.add("claims_granted", held.length);
    counters.add("claims_refused", refused);
    counters.add("claims_unknown", unknown);
    const runs = held.map((execution) => runOf(execution, found.get(execution.request_id) as RequestRecord));
    return { runs, refused, unknown, left };
  }

  const heldBy = (worker_id: string) => store.runs.running({ worker_id, limit: limits.workerRunsMax });

  return {
    async registerWorker({ worker_id }) {
      await store.workers.register(worker_id);
      return {};
    },

    async heartbeat({ worker_id }) {
      if (!(await store.workers.beat(worker_id))) return { kind: "given_up" };
      const held = await heldBy(worker_id);
      return {
        kind: "alive",
        runs: held.map((execution) => ({ ...runRefOf(execution), cancel: execution.cancel_requested })),
      };
    },

    async endWorker({ worker_id }) {
      await store.workers.expire(worker_id);
      const handedBack = await requeueRuns(await heldBy(worker_id), false);
      await store.workers.forget([worker_id]);
      return { handed_back: handedBack };
    },

    claim: ({ worker_id, claim_id, executions }) => claim({ worker_id, claim_id }, executions),

    async claimAny({ worker_id, claim_id, limit }) {
      const [held, queued] = await Promise.all([
        store.runs.running({ worker_id, claim_id, limit }),
        store.runs.queued(limit * windowsMax),
      ]);
      // The response to this claim was lost and the claim is repeated: a new claim would take other executions.
      if (held.length > 0) {
        const requestOf = await requestsOf(held, store);
        const runs = held.map((execution) => runOf(execution, requestOf(execution.request_id)));
        return { runs, refused: 0, unknown: 0, left: 0 };
      }
      return claim({ worker_id, claim_id }, windowOf(queued, limit, random));
    },

    async finish({ runs }) {
      // Field by field: bodies are open, and the store knows more fields than callers may set.
      const ended = runs.map(({ request_id, attempt, execution_id, epoch, outcome }) => {
        return { request_id, attempt, execution_id, epoch, outcome };
      });
      const answers = await store.runs.finish(ended);
      const refused = answers.filter((answer) => answer !== "stored").length;
      if (refused > 0) counters.add("finishes_refused", refused);
      counters.add("finishes_stored", answers.length - refused);
      return { answers: answers.map((kind) => ({ kind })) };
    },

    /** Only runs that are still the last of their execution: a stale caller cannot release a newer run. */
    async handBack({ runs }) {
      const stored = await store.executions.get(runs);
      const byId = new Map(stored.map((execution) => [execution.id, execution]));
      const current = runs.flatMap(({ execution_id, epoch }) => {
        const execution = byId.get(execution_id);
        return execution?.status === "running" && execution.epoch === epoch ? [execution] : [];
      });
      return { handed_back: await requeueRuns(current, false) };
    },

    async markPublished({ published }) {
      await store.outbox.clear(published);
      return {};
    },
  } satisfies Partial<RequestsApi>;
}

/** `size` neighbours from a random place in the list; all of it if it is not longer. */
function windowOf<T>(list: T[], size: number, random: Ports["random"]): T[] {
  const start = Math.floor(random() * (Math.max(0, list.length - size) + 1));
  return list.slice(start, start + size);
}
