import { type ExecutionRef, limits, type RequestsApi, type Run, type RunRef } from "@sate/contracts";
import type { Execution, Key, StoredRequest } from "./execution.ts";
import type { Claim, Random, Store } from "./ports.ts";
import type { PutBack } from "./put-back.ts";
import type { Counters } from "./runtime/metrics.ts";
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

/** Whoever claims anything looks at this many times as much as it wants, so that idle processors do not all want the same. */
const windowsMax = 4;

/** What processors ask for: their lease, their runs, the ends of these. */
export function runCommands(parts: {
  store: Store;
  putBack: PutBack;
  random: Random;
  counters: Counters;
}): Pick<RequestsApi, Names> {
  const { store, putBack, random, counters } = parts;

  function runsOf(executions: Execution[], requests: Map<string, StoredRequest>): Run[] {
    return executions.map((execution) => {
      const request = requests.get(execution.requestId);
      // An execution is only stored after its request, and requests are never deleted.
      if (!request) throw new Error("an execution has no request");
      return runOnWire(execution, request);
    });
  }

  /** Payloads never change, so they are read first: what would make the answer too large is not claimed at all. */
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
    return { runs: runsOf(held, found), refused, unknown, left };
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
      const any = { workerId: worker_id, claimId: claim_id };
      const [held, queued] = await Promise.all([
        store.runs.running({ ...any, limit }),
        store.runs.queued(limit * windowsMax),
      ]);
      // The claim is repeated because its answer was lost: to claim once more would be to claim others.
      if (held.length > 0) {
        const requests = await store.requests.get(held.map(({ requestId }) => requestId));
        return { runs: runsOf(held, requests), refused: 0, unknown: 0, left: 0 };
      }
      return claim(any, windowOf(queued, limit, random));
    },

    async finish({ runs }) {
      // Field by field: what an open body has besides is none of the store's business.
      const decided = runs.map(({ outcome, ...run }) => ({ ...runRefFrom(run), outcome }));
      const answers = await store.runs.finish(decided);
      const refused = answers.filter((answer) => answer !== "stored").length;
      if (refused > 0) counters.add("finishes_refused", refused);
      counters.add("finishes_stored", answers.length - refused);
      return { answers: answers.map((kind) => ({ kind })) };
    },

    /** Those that are not running any more, or again, are not this caller's to hand back. */
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

function runRefFrom({ request_id, attempt, execution_id, epoch }: RunRef): RunRef {
  return { request_id, attempt, execution_id, epoch };
}

/** `size` neighbours from anywhere in the list; all of it if it is no longer than that. */
function windowOf<T>(list: T[], size: number, random: Random): T[] {
  const start = Math.floor(random() * (Math.max(0, list.length - size) + 1));
  return list.slice(start, start + size);
}
