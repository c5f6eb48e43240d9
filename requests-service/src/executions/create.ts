import {
  type Admission,
  executionMark,
  formatTimestamp,
  type NewExecution,
  type RequestRecord,
  type RequestsApi,
  Unavailable,
} from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { decideAdmission } from "./admission.ts";
import { type Execution, executionRecordOf } from "./execution.ts";

/** In each round one contender for a request wins. Losing this many rounds in a row does not happen. */
const roundsMax = 20;

/**
 * Decides and writes. Contenders that lose the write read and decide again. The write is refused exactly when what was read
 * is outdated. Of several for one request in the same batch only the first is written; the others are decided by what
 * that write did, without another read.
 */
export function createExecutionsCommand(
  { store, clock }: Ports,
  outbox: Outbox,
): RequestsApi["createExecutions"] {
  return async ({ executions: wanted }) => {
    const answers: Admission[] = [];
    const requests = await store.requests.get([...new Set(wanted.map((item) => item.request_id))]);
    let open: { index: number; item: NewExecution; request: RequestRecord }[] = [];
    for (const [index, item] of wanted.entries()) {
      const request = requests.get(item.request_id);
      if (request) open.push({ index, item, request });
      else answers[index] = { kind: "unknown_request" };
    }

    for (let round = 0; open.length > 0; round++) {
      if (round === roundsMax) {
        throw new Unavailable("Too many callers compete for executions of the same requests.");
      }
      // The first round reads nothing: most requests have no execution yet, and the write refuses an attempt that exists.
      const seen: Map<string, Execution[]> =
        round === 0
          ? new Map()
          : await store.executions.ofRequests([...new Set(open.map(({ request }) => request.id))]);
      const firsts = new Map<string, { execution: Execution; request: RequestRecord }>();
      const isUndecided = ({ index, item, request }: (typeof open)[number]): boolean => {
        const decision = decideAdmission(seen.get(request.id) ?? [], item);
        if (decision.kind === "exists") {
          answers[index] = { kind: "created", execution: executionRecordOf(decision.execution), request };
        } else if (decision.kind !== "create") answers[index] = decision;
        else if (!firsts.has(request.id)) {
          firsts.set(request.id, { request, execution: newExecution(item, decision.attempt, clock()) });
        }
        return answers[index] === undefined;
      };

      open = open.filter(isUndecided);
      const contenders = [...firsts.values()];
      const wins = await store.executions
        .insert(contenders.map(({ execution }) => execution))
        .catch((error) => {
          // Whatever happened to this write, the writes of earlier rounds took effect.
          throw round === 0
            ? error
            : new Unavailable("Only a part of the batch was stored.", { cause: error });
        });
      if (wins.includes(true)) failpoint("requests-service.stored");
      for (const [index, { execution, request }] of contenders.entries()) {
        if (!wins[index]) continue;
        seen.set(request.id, [...(seen.get(request.id) ?? []), execution]);
        outbox.publishSoon(execution, request);
      }
      // `seen` now has the executions that won, and they decide all other attempts at the same requests.
      open = open.filter(isUndecided);
    }
    return { answers };
  };
}

function newExecution(
  { id, request_id, force_error, traceparent }: NewExecution,
  attempt: number,
  now: number,
): Execution {
  return {
    ...{ id, request_id, attempt, force_error, creation_date: formatTimestamp(now), traceparent },
    ...{ status: "queued", epoch: 0, lost: 0, cancel_requested: false, mark: executionMark(0) },
  };
}
