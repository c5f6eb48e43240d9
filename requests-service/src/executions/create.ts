import {
  type Admission,
  executionMark,
  formatTimestamp,
  type NewExecution,
  processorNameOf,
  type RequestRecord,
  type RequestsApi,
  type Start,
  Unavailable,
} from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports, Processors } from "../ports.ts";
import { wakeAt } from "../waiting/due.ts";
import { type Decision, decideAdmission } from "./admission.ts";
import { type Execution, executionRecordOf } from "./execution.ts";
import { type Refusal, refusalOf } from "./policy.ts";

/** In each round one contender for a request wins. Losing this many rounds in a row does not happen. */
const roundsMax = 20;

/** `refusal`: why it may not be created, although its request allows it. */
type Wanted = { item: NewExecution; request: RequestRecord; refusal: Refusal | null };

export type Admissions = {
  createExecutions: RequestsApi["createExecutions"];
  /** Creates the executions that these start marks ask for, whatever the policy is now: they were accepted. */
  startAll(starting: { request: RequestRecord; start: Start }[]): Promise<Admission[]>;
};

/** Creating executions. The start mark of a request comes before everything else that is wanted of it. */
export function createAdmissions(ports: Ports, outbox: Outbox, processors: Processors): Admissions {
  const { store } = ports;
  const admitAll = createAdmitAll(ports, outbox);
  return {
    async createExecutions({ executions: items }) {
      const now = store.now();
      const requests = await store.requests.get([...new Set(items.map((item) => item.request_id))]);
      const answers: Admission[] = items.map(({ request_id }) => {
        return { kind: requests.get(request_id)?.removed_at === undefined ? "unknown_request" : "removed" };
      });
      const marked = [...requests.values()].flatMap((request) =>
        request.start ? wantedStart({ request, start: request.start }) : [],
      );
      const wanted = await wantedOf(items, requests, { processors: decidedOnce(processors), now });
      const admissions = await admitAll([...marked, ...wanted.map(({ one }) => one)]);
      for (const [place, { index }] of wanted.entries()) {
        answers[index] = admissions[marked.length + place] as Admission;
      }
      return { answers };
    },

    startAll: (starting) => admitAll(starting.map(wantedStart)),
  };
}

function wantedStart({ request, start }: { request: RequestRecord; start: Start }): Wanted {
  const { execution_id: id, max_failures, force_error = false, traceparent, key } = start;
  const optional = { ...(traceparent !== undefined && { traceparent }), ...(key && { key }) };
  const item = { id, request_id: request.id, force_error, max_failures, ...optional };
  return { item, request, refusal: null };
}

/**
 * Decides from what is stored, and writes. The write fails exactly if the data behind the decision is outdated; then
 * the execution is decided again on fresh data. If a batch contains several executions of one request, only the first is
 * written. The result of that write decides the others, without another read.
 */
function createAdmitAll({ store, clock }: Ports, outbox: Outbox): (all: Wanted[]) => Promise<Admission[]> {
  const read = (wanted: Wanted[]) =>
    store.executions.ofRequests([...new Set(wanted.map(({ request }) => request.id))]);

  return async (all) => {
    const now = store.now();
    const answers = new Map<Wanted, Admission>();
    let open = all;

    for (let round = 0; open.length > 0; round++) {
      if (round === roundsMax) {
        throw new Unavailable("Too many callers compete for executions of the same requests.");
      }
      // The first round reads only for what is refused, which may repeat a call that created it. Of the others most
      // requests have no execution yet, and the write refuses an attempt that exists.
      const unsure = round === 0 ? open.filter(({ refusal }) => refusal !== null) : open;
      const seen: Map<string, Execution[]> = unsure.length > 0 ? await read(unsure) : new Map();
      const firsts = new Map<string, { execution: Execution; request: RequestRecord }>();
      const isUndecided = (wanted: Wanted): boolean => {
        const { item, request } = wanted;
        const decision = decideAdmission(seen.get(request.id) ?? [], item);
        const answer = answerOf(decision, wanted);
        if (answer) answers.set(wanted, answer);
        else if (decision.kind === "create" && !firsts.has(request.id)) {
          const execution = newExecution(item, request, { attempt: decision.attempt, date: clock(), now });
          firsts.set(request.id, { request, execution });
        }
        return answer === null;
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
    return all.map((wanted) => answers.get(wanted) as Admission);
  };
}

/** Looks each processor up once per batch: the same execution may be in it twice and must be decided alike. */
function decidedOnce({ find, names }: Processors): Processors {
  const found = new Map<string, ReturnType<Processors["find"]>>();
  return {
    find(name) {
      const known = found.get(name) ?? find(name);
      found.set(name, known);
      return known;
    },
    names,
  };
}

/** Those whose request exists and is no stub, with their places. */
async function wantedOf(
  items: NewExecution[],
  requests: Map<string, RequestRecord>,
  policy: Parameters<typeof refusalOf>[2],
): Promise<{ index: number; one: Wanted }[]> {
  const wanted: { index: number; one: Wanted }[] = [];
  for (const [index, item] of items.entries()) {
    const request = requests.get(item.request_id);
    if (!request || request.removed_at !== undefined) continue;
    wanted.push({ index, one: { item, request, refusal: await refusalOf(item, request, policy) } });
  }
  return wanted;
}

/** `null`: it is to be created. What exists already is returned although it would be refused now. */
function answerOf(decision: Decision, { item, request, refusal }: Wanted): Admission | null {
  if (decision.kind === "create") return refusal;
  if (decision.kind !== "exists") return decision;
  const { execution } = decision;
  const is_replay = execution.id !== item.id;
  return { kind: "created", execution: executionRecordOf(execution, request), request, is_replay };
}

/**
 * `date`: by the wall clock, for display. `now`: by the clock of the store. A scheduled execution gets its mark when it
 * is woken.
 */
function newExecution(
  item: NewExecution,
  request: RequestRecord,
  { attempt, date, now }: { attempt: number; date: number; now: number },
): Execution {
  const { id, request_id, force_error, traceparent, timeout_seconds, start_after = 0 } = item;
  const { expires_in_seconds, key } = item;
  const execution: Execution = {
    ...{ id, request_id, attempt, force_error, creation_date: formatTimestamp(date), traceparent },
    ...{ status: "queued", epoch: 0, lost: 0, tries: 0, cancel_requested: false },
    ...{ processor: processorNameOf(request), labels: request.labels, timeout_seconds },
    ...{ key_hash: key?.hash, body_hash: key?.body_hash },
    expires_at: expires_in_seconds && now + Math.ceil(expires_in_seconds * 1_000),
    ...(start_after > now ? { start_after } : { mark: executionMark(0) }),
  };
  return { ...execution, wake_at: wakeAt(execution) };
}
