import type { Answer } from "../../clients/client.ts";
import { bodyOf, type History, type RecordingClient, type Submit } from "../../clients/history.ts";
import type { Journal } from "../evidence/journal.ts";

/** A request that was created, with its execution if that was asked for. `again`: repeats the call with the same key. */
export type Created = {
  requestId: string;
  executionId: string | null;
  again?: () => Promise<Answer | null>;
};

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

  /** The first successful response, and how to repeat the call. */
  async function repeat(path: string, body: string, idsOf: (answer: Answer) => string, more = {}) {
    const key = crypto.randomUUID();
    const call = () => answered(path, body, { ...more, "idempotency-key": key });
    const answers = [...(await Promise.all([call(), call()])), await call()];
    const good = answers.filter((answer) => answer !== null && answer.status < 300) as Answer[];
    journal.keyed.set(key, good.map(idsOf));
    return { answer: good[0], again: call };
  }

  const executed = (requestId: string, executionId: string) =>
    history.executions.push({ requestId, executionId, forceError: false });

  return {
    /** Creates a request together with its execution. `waitSeconds`: the response waits for its end. */
    async create(submit: Submit, waitSeconds?: number): Promise<(Created & { answer: Answer }) | null> {
      const more = waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` };
      const idsOf = ({ json }: Answer) => `${json.id} ${json.execution.id}`;
      const body = bodyOf(submit, { execute: true });
      const { answer, again } = await repeat("/requests", body, idsOf, more);
      if (answer === undefined) {
        history.unanswered.add(submit.token);
        return null;
      }
      const { id: requestId, execution } = answer.json;
      history.requests.set(requestId, submit);
      executed(requestId, execution.id);
      return { requestId, executionId: execution.id, answer, again };
    },

    /** Creates all of them in one call; every other one together with its execution. */
    async createBatch(submits: Submit[]): Promise<Created[]> {
      const items = submits.map((one, index) => bodyOf(one, index % 2 === 0 ? { execute: true } : {}));
      const itemsOf = ({ json }: Answer) =>
        json.results as unknown as { id?: string; execution_id?: string; problem?: unknown }[];
      const { answer } = await repeat("/requests/batch", `{"requests":[${items}]}`, (one) =>
        itemsOf(one)
          .map(({ id, execution_id }) => `${id} ${execution_id}`)
          .join(),
      );
      return submits.flatMap((submit, index) => {
        const { id: requestId, execution_id: executionId = null } = (answer && itemsOf(answer)[index]) ?? {};
        if (requestId === undefined) {
          history.unanswered.add(submit.token);
          return [];
        }
        history.requests.set(requestId, submit);
        if (executionId !== null) executed(requestId, executionId);
        return [{ requestId, executionId }];
      });
    },

    /** The id of an execution, or null if none was accepted. */
    async execute(requestId: string): Promise<string | null> {
      const { answer } = await repeat(`/requests/${requestId}/executions`, "{}", ({ json }) => json.id);
      if (answer === undefined) return null;
      executed(requestId, answer.json.id);
      return answer.json.id;
    },
  };
}
