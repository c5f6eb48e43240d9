import {
  type Claimable,
  type ExecutionRef,
  type FinishedRun,
  limits,
  outcomeMark,
  type RequestRecord,
  type RequestsApi,
} from "@sate/contracts";
import { runOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Claim, Ports } from "../ports.ts";
import { requestsOf } from "../requests/requests-of.ts";
import { inTurn } from "./claim.ts";
import type { RequeueRuns } from "./requeue.ts";
import { retryLaterCommand } from "./retry-later.ts";

/** `claimAny` reads this many times as many queued executions as it needs, so that idle processors do not all claim the same ones. */
const windowsMax = 4;

/** The commands of processors: claims and ends of runs. */
export function runCommands(ports: Ports, outbox: Outbox, requeueRuns: RequeueRuns) {
  const { store, random, counters } = ports;

  /** Payloads never change, so they are read first: executions whose payloads do not fit the response stay queued. */
  async function claim(claim: Claim, refs: ExecutionRef[], processors: Claimable[] | undefined) {
    const ids = [...new Set(refs.map(({ request_id }) => request_id))];
    const { found, isCut } = await store.requests.getWithin(ids, limits.claimBytesMax);
    const wanted = refs.filter(({ request_id }) => found.has(request_id));
    const { held, refused } = await store.runs.claim(claim, wanted, processors);
    const left = isCut ? refs.length - wanted.length : 0;
    const unknown = refs.length - left - held.length - refused;
    counters.add("claims_granted", held.length);
    counters.add("claims_refused", refused);
    counters.add("claims_unknown", unknown);
    const now = store.now();
    const runs = held.map((execution) => {
      return runOf(execution, found.get(execution.request_id) as RequestRecord, now);
    });
    return { runs, refused, unknown, left };
  }

  /** What is published already is not published again. */
  async function publishSoon(stored: FinishedRun[]): Promise<void> {
    const outcomes = new Map(stored.map(({ execution_id, outcome }) => [execution_id, outcome]));
    const executions = await store.executions.get(stored).catch(() => {
      counters.add("outbox_left_to_sweep");
      return [];
    });
    const unpublished = executions.filter(({ mark }) => mark === outcomeMark);
    await outbox.publishAllSoon(unpublished.map((one) => ({ ...one, outcome: outcomes.get(one.id) })));
  }

  return {
    claim: ({ worker_id, claim_id, executions, processors }) =>
      claim({ worker_id, claim_id }, executions, processors),

    async claimAny({ worker_id, claim_id, limit, processors }) {
      const queues = queuesOf(processors, limit);
      const [held, queued] = await Promise.all([
        store.runs.running({ worker_id, claim_id, limit }),
        store.runs.queued(queues.map((queue) => ({ ...queue, limit: queue.limit * windowsMax }))),
      ]);
      // The response to this claim was lost and the claim is repeated: a new claim would take other executions.
      if (held.length > 0) {
        const requestOf = await requestsOf(held, store);
        const now = store.now();
        const runs = held.map((execution) => runOf(execution, requestOf(execution.request_id), now));
        return { runs, refused: 0, unknown: 0, left: 0 };
      }
      const windows = queued.map((queue, index) => windowOf(queue, queues[index]?.limit ?? 0, random));
      const refs = inTurn(windows, limit, Math.floor(random() * windows.length));
      return claim({ worker_id, claim_id }, refs, processors);
    },

    async finish({ runs, publish = false }) {
      // Field by field: bodies are open, and the store knows more fields than callers may set.
      const ended = runs.map(({ request_id, attempt, execution_id, epoch, outcome }) => {
        return { request_id, attempt, execution_id, epoch, outcome };
      });
      const answers = await store.runs.finish(ended);
      const refused = answers.filter((answer) => answer !== "stored").length;
      if (refused > 0) counters.add("finishes_refused", refused);
      counters.add("finishes_stored", answers.length - refused);
      if (publish) await publishSoon(ended.filter((_, index) => answers[index] === "stored"));
      return { answers: answers.map((kind) => ({ kind })) };
    },

    retryLater: retryLaterCommand(ports, outbox),

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

/** The queues that a claim of anything takes from, and the most that it takes from each. */
function queuesOf(
  processors: Claimable[] | undefined,
  limit: number,
): { processor?: string; limit: number }[] {
  if (!processors) return [{ limit }];
  const withRoom = processors.filter((processor) => processor.limit > 0);
  return withRoom.map((processor) => ({
    processor: processor.name,
    limit: Math.min(processor.limit, limit),
  }));
}

/** `size` neighbours from a random place in the list; all of it if it is not longer. */
function windowOf<T>(list: T[], size: number, random: Ports["random"]): T[] {
  const start = Math.floor(random() * (Math.max(0, list.length - size) + 1));
  return list.slice(start, start + size);
}
