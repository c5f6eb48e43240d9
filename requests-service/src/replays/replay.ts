import { createHash } from "node:crypto";
import { type Admission, limits, type NewExecution, type Replay, type RequestsApi } from "@sate/contracts";
import { decideAdmission } from "../executions/admission.ts";
import type { Admissions } from "../executions/create.ts";
import { executionRecordOf } from "../executions/execution.ts";
import { refusalOf } from "../executions/policy.ts";
import type { Ports, Processors } from "../ports.ts";
import { originalRecord } from "./original-record.ts";

type Wanted = Parameters<RequestsApi["replayDeadLetters"]>[0]["dead_letters"][number];
type Item = NewExecution & { key: NonNullable<NewExecution["key"]> };

/**
 * Replays dead letters. The dead letter of an execution or of a refused attempt becomes an execution whose key is the dead
 * letter: of any number of replays the first that is admitted creates it, and the others find it, also after it has ended.
 * An unreadable record is published to its topic again; readers tolerate a repetition.
 */
export function replayCommand(
  ports: Ports,
  { createExecutions }: Pick<Admissions, "createExecutions">,
  processors: Processors,
  { storesRecords }: { storesRecords: boolean },
): RequestsApi["replayDeadLetters"] {
  const { store, deadLetters, publisher, counters } = ports;

  /** The request that is to be executed again, or what became of the dead letter of a record. */
  async function requestOrReplay({ id, request_id }: Wanted, isDry: boolean): Promise<string | Replay> {
    if (request_id !== undefined) return request_id;
    const found = await deadLetters.getDeadLetter({ id });
    if (found.kind !== "found") return found;
    if (found.dead_letter.request_id !== undefined) return found.dead_letter.request_id;
    const record = originalRecord(found.dead_letter);
    if ("kind" in record) return record;
    if (!storesRecords) return { kind: "no_stored_topics" };
    if (isDry) return { kind: "possible" };
    await publisher.publish([record]);
    counters.add("dead_letter_records_published");
    return { kind: "published", topic: record.topic };
  }

  /** What `createExecutions` would return now; `null`: it would create the execution. */
  async function foresee(items: Item[]): Promise<(Admission | null)[]> {
    const ids = [...new Set(items.map(({ request_id }) => request_id))];
    const requests = await store.requests.get(ids);
    const executions = await store.executions.ofRequests([...requests.keys()]);
    const policy = { processors, now: store.now() };
    return Promise.all(
      items.map(async (item) => {
        const request = requests.get(item.request_id);
        if (!request) return { kind: "unknown_request" as const };
        if (request.removed_at !== undefined) return { kind: "removed" as const };
        const decision = decideAdmission(executions.get(request.id) ?? [], item);
        if (decision.kind === "create") return refusalOf(item, request, policy);
        if (decision.kind !== "exists") return decision;
        const execution = executionRecordOf(decision.execution, request);
        return { kind: "created" as const, execution, request, is_replay: true };
      }),
    );
  }

  return async ({ dead_letters, dry_run, traceparent }) => {
    const answers: Replay[] = [];
    const wanted: { index: number; item: Item }[] = [];
    for (const [index, deadLetter] of dead_letters.entries()) {
      const request = await requestOrReplay(deadLetter, dry_run);
      if (typeof request === "string") {
        const item = executionFor(deadLetter, request);
        wanted.push({ index, item: traceparent === undefined ? item : { ...item, traceparent } });
      } else answers[index] = request;
    }
    const items = wanted.map(({ item }) => item);
    const admissions = dry_run
      ? await foresee(items)
      : (await createExecutions({ executions: items })).answers;
    for (const [place, { index, item }] of wanted.entries()) {
      answers[index] = replayOf(item, admissions[place] ?? null);
    }
    counters.add("dead_letters_replayed", answers.filter(({ kind }) => kind === "started").length);
    return { answers };
  };
}

/** Any number of failures is allowed. */
function executionFor({ id, execution_id }: Wanted, request_id: string): Item {
  const key = { hash: hashOf(["dead letter", id]), body_hash: hashOf([]) };
  return { id: execution_id, request_id, force_error: false, max_failures: limits.attemptMax, key };
}

function replayOf({ request_id }: Item, admission: Admission | null): Replay {
  if (admission === null) return { kind: "possible" };
  if (admission.kind !== "created") return { kind: "refused", request_id, refusal: admission };
  const { execution, is_replay } = admission;
  return { kind: is_replay ? "replayed" : "started", execution };
}

function hashOf(parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
