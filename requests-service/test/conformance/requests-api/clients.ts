import { describe, expect, test } from "bun:test";
import type { NewExecution, RequestsApi } from "@sate/contracts";
import { newId } from "../../builders.ts";

export type ClientNames =
  | "createRequests"
  | "getRequest"
  | "listRequests"
  | "createExecutions"
  | "recordRefusals"
  | "getExecution"
  | "listExecutions"
  | "cancelExecution"
  | "replayDeadLetters";

/** What a gateway needs of requests-service, without anything stored. */
export type ClientApiUnderTest = {
  api: Pick<RequestsApi, ClientNames>;
  /** Makes the queued execution of this request running. */
  run(requestId: string): Promise<void>;
  /** Ends the queued execution of this request. */
  end(requestId: string, status: "succeeded" | "failed" | "dead_lettered" | "cancelled"): Promise<void>;
};

/** What every implementation of the operations for clients must do. */
export function clientApiConformance(name: string, make: () => ClientApiUnderTest): void {
  const wanted = (request_id: string, parts: Partial<NewExecution> = {}): NewExecution => {
    return { id: newId(), request_id, force_error: false, max_failures: 3, ...parts };
  };

  async function given() {
    const under = make();
    const { api } = under;
    async function request(): Promise<string> {
      const id = newId();
      await api.createRequests({ requests: [{ id, payload_json: "1" }] });
      return id;
    }
    async function create(requestId: string, parts: Partial<NewExecution> = {}) {
      const { answers } = await api.createExecutions({ executions: [wanted(requestId, parts)] });
      return answers[0] as (typeof answers)[number];
    }
    async function created(requestId: string) {
      const answer = await create(requestId);
      if (answer.kind !== "created") throw new Error(`it was not created: ${answer.kind}`);
      return answer.execution;
    }
    return { ...under, request, create, created };
  }

  describe(`${name}: operations for clients`, () => {
    test("a request is created once; a repetition changes nothing; other content under its id is a conflict", async () => {
      const { api } = await given();
      const request = { id: newId(), payload_json: '{"__proto__":1,"2":1e400,"1":"\\ud800"}' };
      for (let time = 0; time < 2; time++) {
        // Its caller has the payload: it is not sent back.
        const answer = { kind: "created" as const, request_id: request.id, is_replay: false };
        expect(await api.createRequests({ requests: [request] })).toEqual({ answers: [answer] });
      }
      const requests = [
        { ...request, payload_json: "3" },
        { id: newId(), payload_json: "2", processor: "p" },
        { ...request, processor: "p" },
      ];
      const { answers } = await api.createRequests({ requests });
      expect(answers.map(({ kind }) => kind)).toEqual(["conflict", "created", "conflict"]);
      expect(await api.getRequest({ request_id: request.id })).toMatchObject({ kind: "found", request });
      expect(await api.getRequest({ request_id: newId() })).toEqual({ kind: "unknown_request" });
    });

    test("requests are listed newest first, in pages", async () => {
      const { api, request } = await given();
      const ids = [];
      for (let count = 0; count < 5; count++) ids.unshift(await request());
      const first = await api.listRequests({ limit: 3 });
      expect([first.requests.map(({ id }) => id), first.more]).toEqual([ids.slice(0, 3), true]);
      const last = await api.listRequests({ limit: 3, before: ids[2] as string });
      expect([last.requests.map(({ id }) => id), last.more]).toEqual([ids.slice(3), false]);
    });

    test("in a batch one execution of a request is created, and each result is in its place", async () => {
      const { api, request } = await given();
      const [a, b] = [await request(), await request()];
      const executions = [wanted(a), wanted(newId()), wanted(b), wanted(a)];
      const { answers } = await api.createExecutions({ executions });
      expect(answers).toEqual([
        expect.objectContaining({ kind: "created" }),
        { kind: "unknown_request" },
        expect.objectContaining({ kind: "created", request: expect.objectContaining({ id: b }) }),
        { kind: "active", execution_id: executions[0]?.id as string },
      ]);
      expect(answers[0]).toMatchObject({
        execution: { id: executions[0]?.id, attempt: 1, status: "queued" },
      });
    });

    test("a repeated creation returns what the first one did, in the same batch and after the execution ended", async () => {
      const { api, request, end } = await given();
      const id = await request();
      const execution = wanted(id);
      const { answers: first } = await api.createExecutions({ executions: [execution] });
      const twice = await api.createExecutions({ executions: [execution, execution] });
      expect(twice.answers).toEqual([...first, ...first]);
      await end(id, "failed");
      const { answers } = await api.createExecutions({ executions: [execution] });
      expect(answers[0]).toMatchObject({ kind: "created", execution: { id: execution.id, attempt: 1 } });
    });

    test("success is final", async () => {
      const { request, create, created, end } = await given();
      const id = await request();
      const { id: execution_id } = await created(id);
      await end(id, "succeeded");
      for (let again = 0; again < 2; again++) {
        expect(await create(id)).toEqual({ kind: "succeeded", execution_id });
      }
    });

    test("failed executions are bounded: dead-lettered ones count, cancelled ones do not", async () => {
      const { request, create, created, end } = await given();
      const id = await request();
      for (const status of ["failed", "cancelled", "dead_lettered", "cancelled", "failed"] as const) {
        await created(id);
        await end(id, status);
      }
      // The payload is not sent back: refusals stay cheap.
      expect(await create(id)).toEqual({ kind: "exhausted", failures: 3, max_failures: 3 });
      // The bound is the caller's policy and is not stored.
      expect(await create(id, { max_failures: 4 })).toMatchObject({
        kind: "created",
        execution: { attempt: 6 },
      });
    });

    test("refused attempts are recorded, again if repeated", async () => {
      const { api, request } = await given();
      const numbers = { force_error: false, failures: 3, max_failures: 3 };
      const refusal = { id: newId(), request_id: await request(), ...numbers };
      for (const refusals of [[refusal], [refusal, refusal]]) {
        const { answers } = await api.recordRefusals({ refusals });
        expect(answers).toEqual(refusals.map(() => ({ kind: "recorded" })));
      }
    });

    test("executions are read by id and in pages, oldest first; unknown ids are distinguished", async () => {
      const { api, request, created, end } = await given();
      const [request_id, other] = [await request(), await request()];
      const ids = [];
      for (let attempt = 1; attempt <= 3; attempt++) {
        ids.push((await created(request_id)).id);
        await end(request_id, "cancelled");
      }
      const [execution_id = ""] = ids;
      const found = await api.getExecution({ request_id, execution_id });
      expect(found).toMatchObject({
        execution: { id: execution_id, attempt: 1, status: "cancelled" },
        request: { id: request_id },
      });
      const page = await api.listExecutions({ request_id, limit: 2 });
      expect(page).toMatchObject({ kind: "found", executions: [{ id: ids[0] }, { id: ids[1] }], more: true });
      const last = await api.listExecutions({ request_id, limit: 2, after_attempt: 2 });
      expect(last).toMatchObject({ kind: "found", executions: [{ id: ids[2] }], more: false });
      const unknown = { request_id: newId(), execution_id };
      expect(await api.getExecution(unknown)).toEqual({ kind: "unknown_request" });
      expect(await api.cancelExecution(unknown)).toEqual({ kind: "unknown_request" });
      expect(await api.listExecutions({ ...unknown, limit: 1 })).toEqual({ kind: "unknown_request" });
      const misnamed = { request_id: other, execution_id };
      expect(await api.getExecution(misnamed)).toEqual({ kind: "unknown_execution" });
      expect(await api.cancelExecution(misnamed)).toEqual({ kind: "unknown_execution" });
    });

    test("cancelling: a queued execution ends at once, a running one later, a final one not; repetitions agree", async () => {
      const { api, request, created, run, end } = await given();
      const cases = [
        { kind: "cancelled", prepare: async () => {} },
        { kind: "cancelling", prepare: run },
        { kind: "ended", prepare: (id: string) => end(id, "succeeded") },
      ];
      for (const { kind, prepare } of cases) {
        const request_id = await request();
        const { id: execution_id } = await created(request_id);
        await prepare(request_id);
        for (let time = 0; time < 2; time++) {
          expect(await api.cancelExecution({ request_id, execution_id })).toMatchObject({ kind });
        }
      }
    });
  });
}
