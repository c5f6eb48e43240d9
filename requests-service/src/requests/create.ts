import {
  formatTimestamp,
  type NewRequest,
  type RequestAdmission,
  type RequestRecord,
  type RequestsApi,
  type Start,
  type StartAdmission,
  Unavailable,
} from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import { refusalOf } from "../executions/policy.ts";
import type { StoredKey } from "../keys/port.ts";
import type { Ports, Processors } from "../ports.ts";
import type { Starts } from "./starts.ts";

/** A request to be stored, for the item with this id at this place of the call. */
type Wanted = { index: number; id: string; request: RequestRecord };
type Refusal = Extract<RequestAdmission, { kind: "unknown_processor" | "refused" }>;

/**
 * Stores requests, and creates the executions that their start marks ask for. Each step may be repeated after a crash in
 * any gap between them:
 *
 * 1. The policy refuses, before anything is stored.
 * 2. The Idempotency-Key is stored with the ids that the request and its execution will have. Later calls with the key
 *    find these ids, and continue as if they had chosen them.
 * 3. The request is stored, with its start mark.
 * 4. The execution is created, and the mark is cleared a little later (starts.ts).
 */
export function createRequestsCommand(
  { store, clock }: Ports,
  starts: Pick<Starts, "start">,
  processors: Processors,
): RequestsApi["createRequests"] {
  const refusalFor = async (item: NewRequest): Promise<Refusal | null> => {
    if (item.is_refused) return { kind: "refused" };
    const { id: request_id, processor, start } = item;
    if (!start) return null;
    const execution = { id: start.execution_id, request_id, force_error: false, max_failures: 1 };
    const refusal = await refusalOf(execution, { processor }, { processors, now: store.now() });
    return refusal as Refusal | null;
  };

  /** What is now stored under the key of each item; `undefined` if it has none, or if nothing is stored because it is refused. */
  async function keysOf(items: NewRequest[], refusals: (Refusal | null)[]) {
    const keyed = items.filter(({ key }, index) => key && !refusals[index]).map(keyOf);
    const stored = await store.keys.insert(keyed);
    if (keyed.length > 0) failpoint("requests-service.key-stored");
    const refused = items.flatMap(({ key }, index) => (key && refusals[index] ? key.hash : []));
    const found = await store.keys.get(refused);
    for (const key of stored) found.set(key.hash, key);
    return items.map(({ key }) => key && found.get(key.hash));
  }

  /** Those to be stored; the results of the others are in `answers`. */
  async function wantedOf(items: NewRequest[], answers: RequestAdmission[]): Promise<Wanted[]> {
    const refusals = await Promise.all(items.map(refusalFor));
    const keys = await keysOf(items, refusals);
    // A refused call may repeat one that took effect before its processor was withdrawn.
    const refused = items.filter((_, index) => refusals[index] && !keys[index]);
    const there = await store.requests.get(refused.map(({ id }) => id));
    const creation_date = formatTimestamp(clock());
    return items.flatMap((item, index): Wanted | [] => {
      const [key, refusal] = [keys[index], refusals[index]];
      if (refusal && !key && !there.has(item.id)) answers[index] = refusal;
      else if (key && key.body_hash !== item.key?.body_hash) answers[index] = { kind: "key_reused" };
      else return { index, request: requestOf(item, key, creation_date), id: item.id };
      return [];
    });
  }

  return async ({ requests: items }) => {
    const answers: RequestAdmission[] = [];
    const wanted = await wantedOf(items, answers);
    const stored = await store.requests.insert(wanted.map(({ request }) => request));
    const started: { index: number; request: RequestRecord; start: Start }[] = [];
    for (const [place, { index, request, id }] of wanted.entries()) {
      const there = stored[place] as RequestRecord;
      const answer = answerOf(there, request, id);
      answers[index] = answer;
      const start = request.start && (there.start ?? request.start);
      if (start && answer.kind === "created") started.push({ index, request: there, start });
    }
    if (started.length === 0) return { answers };
    failpoint("requests-service.request-stored");
    const admissions = await starts.start(started).catch((cause) => {
      // Whatever is certain of the executions: the requests are stored, and their marks will start them.
      throw new Unavailable("The executions of stored requests could not be created yet.", { cause });
    });
    for (const [place, { index }] of started.entries()) {
      Object.assign(answers[index] as object, { admission: admissions[place] as StartAdmission });
    }
    return { answers };
  };
}

function keyOf({ key, id: request_id, start }: NewRequest): StoredKey {
  const { hash, body_hash } = key as NonNullable<NewRequest["key"]>;
  return { hash, body_hash, request_id, ...(start && { execution_id: start.execution_id }) };
}

/** The request to be stored, field by field: bodies are open, and unknown fields are not stored. */
function requestOf(item: NewRequest, key: StoredKey | undefined, creation_date: string): RequestRecord {
  const { payload_json, processor, labels, start } = item;
  return {
    id: key?.request_id ?? item.id,
    payload_json,
    ...(processor !== undefined && { processor }),
    ...(labels && { labels }),
    creation_date,
    ...(start && { start: { ...start, execution_id: key?.execution_id ?? start.execution_id } }),
  };
}

/** `there` is what is stored under the id of `wanted`, and `id` is the one that the caller chose. */
function answerOf(there: RequestRecord, wanted: RequestRecord, id: string): RequestAdmission {
  if (there.removed_at !== undefined) return { kind: "removed" };
  const isSame =
    there.payload_json === wanted.payload_json &&
    there.processor === wanted.processor &&
    Bun.deepEquals(there.labels, wanted.labels);
  return isSame
    ? { kind: "created", request_id: there.id, is_replay: there.id !== id }
    : { kind: "conflict" };
}
