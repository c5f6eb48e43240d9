import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { IdempotencyKey, NewRequest } from "@sate/contracts";
import { newId } from "../../builders.ts";
import type { ClientApiUnderTest } from "./clients.ts";

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const newKey = (): IdempotencyKey => ({ hash: hashOf(newId()), body_hash: hashOf("body") });

/** What every implementation of `createRequests` and `createExecutions` must do with start marks and keys. */
export function creatingApiConformance(name: string, make: () => ClientApiUnderTest): void {
  const wanted = (parts: Partial<NewRequest> = {}): NewRequest => ({
    id: newId(),
    payload_json: "1",
    ...parts,
  });
  const started = (parts: Partial<NewRequest> = {}) => {
    const start = { execution_id: newId(), max_failures: 3 };
    return { ...wanted(parts), start };
  };

  function given() {
    const under = make();
    const { api } = under;
    const create = async (...requests: NewRequest[]) => (await api.createRequests({ requests })).answers;
    const executionsOf = async (request_id: string) => {
      const page = await api.listExecutions({ request_id, limit: 10 });
      return page.kind === "found" ? page.executions.map(({ id }) => id) : null;
    };
    return { ...under, create, executionsOf };
  }

  describe(`${name}: creating requests`, () => {
    test("with a start mark their executions are created too, once, whatever has become of them", async () => {
      const { create, executionsOf, end } = given();
      const request = started();
      const [created] = await create(request);
      const { execution_id: id } = request.start;
      const admission = {
        kind: "created",
        execution: { id, attempt: 1, status: "queued" },
        is_replay: false,
      };
      expect(created).toMatchObject({ kind: "created", request_id: request.id, is_replay: false, admission });
      // Its caller has the payload: it is not sent back.
      expect(JSON.stringify(created)).not.toContain("payload_json");
      await end(request.id, "succeeded");
      const [again] = await create(request);
      expect(again).toMatchObject({ kind: "created", admission: { kind: "created", execution: { id } } });
      expect(await executionsOf(request.id)).toEqual([id]);
    });

    test("with a start mark, of an unknown processor, they are refused and not stored", async () => {
      const { create, executionsOf } = given();
      const [refused, accepted] = [started({ processor: "unknown" }), started()];
      expect(await create(refused, accepted)).toMatchObject([
        { kind: "unknown_processor", known: ["simulate"] },
        { kind: "created" },
      ]);
      expect(await executionsOf(refused.id)).toBeNull();
    });

    test("with a key that is known, the ids of the first call are returned, in the same batch too", async () => {
      const { create, executionsOf } = given();
      const key = newKey();
      const [a, b, c] = [started({ key }), started({ key }), started({ key })];
      const first = { request_id: a.id, admission: { execution: { id: a.start.execution_id } } };
      expect(await create(a, b)).toMatchObject([
        { ...first, is_replay: false },
        { ...first, is_replay: true },
      ]);
      expect(await create(c, a)).toMatchObject([
        { ...first, is_replay: true },
        { ...first, is_replay: false },
      ]);
      expect(await executionsOf(a.id)).toEqual([a.start.execution_id]);
      for (const { id } of [b, c]) expect(await executionsOf(id)).toBeNull();
    });

    test("with the key of another body they are refused", async () => {
      const { create, executionsOf } = given();
      const key = newKey();
      const first = wanted({ key });
      const other = wanted({ key: { ...key, body_hash: hashOf("other") }, payload_json: "2" });
      expect(await create(first, other)).toMatchObject([{ kind: "created" }, { kind: "key_reused" }]);
      expect(await executionsOf(other.id)).toBeNull();
    });

    test("that the caller refuses are not stored, unless they repeat what was accepted", async () => {
      const { create, executionsOf } = given();
      const key = newKey();
      const refused = wanted({ key, is_refused: true });
      expect(await create(refused)).toEqual([{ kind: "refused" }]);
      expect(await executionsOf(refused.id)).toBeNull();
      const first = wanted({ key });
      expect(await create(first)).toMatchObject([{ is_replay: false }]);
      expect(await create(refused)).toMatchObject([{ request_id: first.id, is_replay: true }]);
      expect(await create({ ...first, is_refused: true })).toMatchObject([{ request_id: first.id }]);
    });
  });

  describe(`${name}: creating executions with a key`, () => {
    test("a known key returns the execution before every other rule; with another body it is refused", async () => {
      const { api, create, end } = given();
      const request = wanted();
      await create(request);
      const key = newKey();
      const execution = { request_id: request.id, force_error: false, max_failures: 1 };
      const execute = async (parts: { key?: IdempotencyKey }) => {
        const { answers } = await api.createExecutions({
          executions: [{ ...execution, id: newId(), ...parts }],
        });
        return answers[0];
      };
      const first = await execute({ key });
      expect(first).toMatchObject({ kind: "created", is_replay: false });
      if (first?.kind !== "created") throw new Error("it was not created");
      const { id } = first.execution;
      expect(await execute({ key })).toMatchObject({ kind: "created", is_replay: true, execution: { id } });
      await end(request.id, "failed");
      expect(await execute({})).toMatchObject({ kind: "exhausted" });
      expect(await execute({ key })).toMatchObject({ kind: "created", is_replay: true, execution: { id } });
      expect(await execute({ key: { ...key, body_hash: hashOf("other") } })).toEqual({ kind: "key_reused" });
    });

    test("of 50 calls with one key, one creates an execution, and all get it", async () => {
      const { api, create, executionsOf } = given();
      const request = wanted();
      await create(request);
      const key = newKey();
      const calls = Array.from({ length: 50 }, () => {
        const execution = { id: newId(), request_id: request.id, force_error: false, max_failures: 3, key };
        return api.createExecutions({ executions: [execution] });
      });
      const answers = (await Promise.all(calls)).flatMap(({ answers }) => answers);
      const ids = answers.map((answer) => answer.kind === "created" && answer.execution.id);
      expect(new Set(ids).size).toBe(1);
      expect(answers.filter((answer) => answer.kind === "created" && !answer.is_replay)).toHaveLength(1);
      expect(await executionsOf(request.id)).toHaveLength(1);
    });
  });
}
