import type { Answer } from "../../clients/client.ts";
import { bodyOf, type History, type RecordingClient, type Submit } from "../../clients/history.ts";
import type { Journal } from "../evidence/journal.ts";

/** A request that was created, with its execution if that was asked for. `again`: repeats the call with the same key. */
export type Created = Ids & { submit: Submit; again?: () => Promise<Answer | null> };
type Ids = { requestId: string; executionId: string | null };

const triesMax = 4;
const pauseMs = 500;

/**
 * Clients that send an Idempotency-Key: two of them at once, each again while there is no response, and afterwards once
 * more, as if the responses had been lost. `signal`: nothing is tried again.
 */
export function repeatingClient(
  api: RecordingClient,
  { history, journal, signal }: { history: History; journal: Journal; signal: AbortSignal },
) {
  async function answered(path: string, body: string, headers: object): Promise<Answer | null> {
    for (let tries = 1; tries <= triesMax && !signal.aborted; tries++) {
      const answer = await api.ask("POST", path, body, headers);
      if (answer !== null && answer.status < 500) return answer;
      await Bun.sleep(pauseMs);
    }
    return null;
  }

  /** The successful responses, and how to repeat the call. `createdIn`: what a response says of each item of the call. */
  async function repeat(path: string, body: string, createdIn: (answer: Answer) => Ids[], more = {}) {
    const key = crypto.randomUUID();
    const call = () => answered(path, body, { ...more, "idempotency-key": key });
    const answers = [...(await Promise.all([call(), call()])), await call()];
    const good = answers.filter((answer) => answer !== null && answer.status < 300) as Answer[];
    for (const answer of good)
      for (const [index, { requestId, executionId }] of createdIn(answer).entries())
        note(`${key} ${index}`, requestId && `${requestId} ${executionId}`);
    return { good, again: call };
  }

  /** An item that was not created has no ids, and may be created when the call is repeated. */
  function note(key: string, ids: string): void {
    if (ids === "") return;
    journal.keyed.set(key, [...(journal.keyed.get(key) ?? []), ids]);
  }

  /** Null if it was not acknowledged. */
  function acknowledged(submit: Submit, created: Ids | undefined): Created | null {
    if (created === undefined) {
      history.unanswered.add(submit.token);
      return null;
    }
    history.requests.set(created.requestId, submit);
    if (created.executionId !== null) executed(created.requestId, created.executionId);
    return { ...created, submit };
  }

  const executed = (requestId: string, executionId: string) =>
    history.executions.push({ requestId, executionId, forceError: false });

  return {
    /** Creates a request together with its execution. `waitSeconds`: the response waits for its end. */
    async create(submit: Submit, waitSeconds?: number): Promise<(Created & { answer: Answer }) | null> {
      const more = waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` };
      const createdIn = ({ json }: Answer) => [{ requestId: json.id, executionId: json.execution.id }];
      const body = bodyOf(submit, { execute: true });
      const { good, again } = await repeat("/requests", body, createdIn, more);
      const [answer] = good;
      const created = acknowledged(submit, answer && createdIn(answer)[0]);
      return answer && created ? { ...created, answer, again } : null;
    },

    /** Creates them in one call, every other one together with its execution. Returns those that were acknowledged. */
    async createBatch(submits: Submit[]): Promise<Created[]> {
      const items = submits.map((one, index) => bodyOf(one, index % 2 === 0 ? { execute: true } : {}));
      const { good } = await repeat("/requests/batch", `{"requests":[${items}]}`, createdInBatch);
      const batches = good.map(createdInBatch);
      return submits.flatMap((submit, index) => {
        const created = batches.map((batch) => batch[index]).find((one) => one?.requestId !== "");
        return acknowledged(submit, created) ?? [];
      });
    },

    /** The id of an execution, or null if none was accepted. */
    async execute(requestId: string): Promise<string | null> {
      const createdIn = ({ json }: Answer) => [{ requestId, executionId: json.id }];
      const { good } = await repeat(`/requests/${requestId}/executions`, "{}", createdIn);
      const [answer] = good;
      if (answer === undefined) return null;
      executed(requestId, answer.json.id);
      return answer.json.id;
    },
  };
}

/** Of each request of a batch; with an empty id if it was not created. */
function createdInBatch({ json }: Answer): Ids[] {
  type Item = { id?: string; execution_id?: string; problem?: object };
  return (json.results as unknown as Item[]).map(({ id = "", execution_id = null, problem }) =>
    problem ? { requestId: "", executionId: null } : { requestId: id, executionId: execution_id },
  );
}
