import { limits, type RequestsApi, type Run } from "@sate/contracts";
import type { Counters } from "./counters.ts";
import type { Execution, Key } from "./execution.ts";
import type { Claim, Store } from "./ports.ts";
import type { PutBack } from "./put-back.ts";
import { runOnWire, runRefOf } from "./wire.ts";

type Names =
  | "registerWorker"
  | "heartbeat"
  | "endWorker"
  | "claim"
  | "claimAny"
  | "finish"
  | "handBack"
  | "markPublished";

/** What processors ask for: their lease, their runs, the ends of these. */
export function runCommands(parts: {
  store: Store;
  putBack: PutBack;
  counters: Counters;
}): Pick<RequestsApi, Names> {
  const { store, putBack, counters } = parts;

  async function withPayloads(executions: Execution[]): Promise<Run[]> {
    if (executions.length === 0) return [];
    const requests = await store.requests.get(executions.map(({ requestId }) => requestId));
    return executions.map((execution) => {
      const request = requests.get(execution.requestId);
      // An execution is only stored after its request, and requests are never deleted.
      if (!request) throw new Error("an execution has no request");
      return runOnWire(execution, request);
    });
  }

  async function claim(claim: Claim, refs: Parameters<Store["runs"]["claim"]>[1]) {
    const claimed = refs.length === 0 ? [] : await store.runs.claim(claim, refs);
    const runs = await withPayloads(claimed);
    const won = new Set(claimed.map(({ id }) => id));
    const lost = refs.filter(({ execution_id }) => !won.has(execution_id));
    const known = lost.length === 0 ? [] : await store.executions.get(lost.map(keyOf));
    const knownIds = new Set(known.map(({ id }) => id));
    const unknown = lost.filter(({ execution_id }) => !knownIds.has(execution_id)).length;
    counters.add("claims_granted", runs.length);
    counters.add("claims_refused", lost.length - unknown);
    counters.add("claims_unknown", unknown);
    return { runs, refused: lost.length - unknown, unknown };
  }

  /** All that one worker runs, up to the number it may run at all. */
  async function heldBy(workerId: string): Promise<Execution[]> {
    return store.runs.running({ workerId, limit: limits.workerRunsMax });
  }

  return {
    async registerWorker({ worker_id }) {
      await store.workers.register(worker_id);
      return {};
    },

    async heartbeat({ worker_id }) {
      if (!(await store.workers.beat(worker_id))) return { kind: "given_up" };
      const runs = (await heldBy(worker_id)).map((execution) => {
        return { ...runRefOf(execution), cancel: execution.cancelRequested };
      });
      return { kind: "alive", runs };
    },

    async endWorker({ worker_id }) {
      await store.workers.giveUp(worker_id);
      const handedBack = await putBack(await heldBy(worker_id), false);
      await store.workers.forget([worker_id]);
      return { handed_back: handedBack };
    },

    claim: ({ worker_id, claim_id, executions }) =>
      claim({ workerId: worker_id, claimId: claim_id }, executions),

    async claimAny({ worker_id, claim_id, limit }) {
      const queued = await store.runs.queued(limit);
      return claim({ workerId: worker_id, claimId: claim_id }, queued);
    },

    async finish({ runs }) {
      const answers = await store.runs.finish(runs);
      const refused = answers.filter((answer) => answer !== "stored").length;
      if (refused > 0) counters.add("finishes_refused", refused);
      counters.add("finishes_stored", answers.length - refused);
      return { answers: answers.map((kind) => ({ kind })) };
    },

    async handBack({ runs }) {
      const stored = await store.executions.get(runs.map(keyOf));
      const byId = new Map(stored.map((execution) => [execution.id, execution]));
      const current = runs.flatMap(({ execution_id, epoch }) => {
        const execution = byId.get(execution_id);
        return execution?.status === "running" && execution.epoch === epoch ? [execution] : [];
      });
      return { handed_back: await putBack(current, false) };
    },

    async markPublished({ published }) {
      const marks = published.map((one) => ({ ...keyOf(one), mark: one.mark }));
      await store.outbox.clear(marks);
      return {};
    },
  };
}

function keyOf({ request_id, attempt }: { request_id: string; attempt: number }): Key {
  return { requestId: request_id, attempt };
}
