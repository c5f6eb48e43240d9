import {
  executionMark,
  formatTimestamp,
  limits,
  type NewExecution,
  type RequestsApi,
  type Admission as WireAdmission,
} from "@sate/contracts";
import { type Admission, admit } from "./admission.ts";
import type { Execution, StoredRequest } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import type { Outbox } from "./outbox.ts";
import { type Clock, type Store, Unavailable } from "./ports.ts";
import { executionOnWire, requestOnWire } from "./wire.ts";

/** Each round somebody wins, so this many rounds of losing against others at the same request do not happen. */
const roundsMax = 20;

/**
 * Decide, write; those that lose the write look and decide again. The write is refused exactly when what was
 * seen is no longer so. Of several for one request in the same batch only the first is written; the others are
 * decided by what that write did, without another look.
 */
export function createExecutionsCommand(parts: {
  store: Pick<Store, "requests" | "executions">;
  outbox: Pick<Outbox, "wake">;
  clock: Clock;
}): RequestsApi["createExecutions"] {
  const { store, outbox, clock } = parts;

  return async ({ executions: wanted }) => {
    const answers: WireAdmission[] = [];
    const requests = await store.requests.get([...new Set(wanted.map((item) => item.request_id))]);
    let open: { index: number; item: NewExecution; request: StoredRequest }[] = [];
    for (const [index, item] of wanted.entries()) {
      const request = requests.get(item.request_id);
      if (request) open.push({ index, item, request });
      else answers[index] = { kind: "unknown_request" };
    }

    for (let round = 0; open.length > 0; round++) {
      if (round === roundsMax) throw new Unavailable("Too many callers want the same executions at once.");
      // Most requests have no execution yet, and a first attempt that is taken says so: nobody need look before.
      const seen: Map<string, Execution[]> =
        round === 0
          ? new Map()
          : await store.executions.ofRequests([...new Set(open.map(({ request }) => request.id))]);
      const firsts = new Map<string, { execution: Execution; request: StoredRequest }>();
      const decide = ({ index, item, request }: (typeof open)[number]): void => {
        const wish = { executionId: item.id, maxFailures: item.max_failures };
        const admission = admit(seen.get(request.id) ?? [], wish);
        if (admission.kind !== "create") answers[index] = onWire(admission, item, request);
        else if (!firsts.has(request.id)) {
          firsts.set(request.id, { request, execution: created(item, admission.attempt, clock()) });
        }
      };

      open.forEach(decide);
      const contenders = [...firsts.values()];
      const wins = await store.executions.insert(contenders.map(({ execution }) => execution));
      if (wins.includes(true)) failpoint("requests-service.stored");
      for (const [index, { execution, request }] of contenders.entries()) {
        if (!wins[index]) continue;
        seen.set(request.id, [...(seen.get(request.id) ?? []), execution]);
        outbox.wake(execution, request);
      }
      const undecided = () => open.filter(({ index }) => answers[index] === undefined);
      // What the writes that won did is seen now: it decides for every other of these requests.
      open = undecided();
      open.forEach(decide);
      open = undecided();
    }
    return { answers };
  };
}

function created(item: NewExecution, attempt: number, now: number): Execution {
  return {
    requestId: item.request_id,
    attempt,
    id: item.id,
    forceError: item.force_error,
    creationDate: formatTimestamp(now),
    traceparent: item.traceparent,
    status: "queued",
    epoch: 0,
    lost: 0,
    cancelRequested: false,
    mark: executionMark(0),
  };
}

function onWire(
  admission: Exclude<Admission, { kind: "create" }>,
  item: NewExecution,
  request: StoredRequest,
): WireAdmission {
  switch (admission.kind) {
    case "exists":
      return {
        kind: "created",
        execution: executionOnWire(admission.execution),
        request: requestOnWire(request),
      };
    case "active":
      return { kind: "active", execution_id: admission.executionId };
    case "succeeded":
      return { kind: "succeeded", execution_id: admission.executionId };
    case "exhausted":
      return {
        kind: "exhausted",
        failures: admission.failures,
        max_failures: Math.min(item.max_failures, limits.attemptMax),
      };
  }
}
