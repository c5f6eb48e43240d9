import { describe, expect, test } from "bun:test";
import type { Replay } from "@sate/contracts";
import { newId } from "../../builders.ts";
import type { ClientApiUnderTest } from "./clients.ts";

/** What every implementation of replays of executions and refused attempts must do. */
export function replaysConformance(name: string, make: () => ClientApiUnderTest): void {
  /** A request with an execution that ended so, and ways to replay a dead letter of it. */
  async function given(status: "succeeded" | "dead_lettered" = "dead_lettered") {
    const { api, run, end } = make();
    const request_id = newId();
    await api.createRequests({ requests: [{ id: request_id, payload_json: "1" }] });
    const execution = { id: newId(), request_id, force_error: false, max_failures: 1 };
    await api.createExecutions({ executions: [execution] });
    await end(request_id, status);
    const replay = async (id: string, dry_run = false, execution_id = newId()): Promise<Replay> => {
      const { answers } = await api.replayDeadLetters({
        dead_letters: [{ id, request_id, execution_id }],
        dry_run,
      });
      return answers[0] as Replay;
    };
    const count = async () => {
      const page = await api.listExecutions({ request_id, limit: 100 });
      return page.kind === "found" ? page.executions.length : -1;
    };
    return { api, run, end, request_id, first: execution.id, replay, count };
  }

  describe(`${name}: replays of dead letters`, () => {
    test("20 callers that replay one dead letter start one execution, and all get its id", async () => {
      const { replay, count } = await given();
      const answers = await Promise.all(Array.from({ length: 20 }, () => replay("a/b")));
      const kinds = answers.map(({ kind }) => kind).toSorted();
      expect(kinds).toEqual([...Array(19).fill("replayed"), "started"]);
      const ids = answers.flatMap((one) => ("execution" in one ? [one.execution.id] : []));
      expect(new Set(ids).size).toBe(1);
      expect(await count()).toBe(2);
    });

    test("a replay is allowed one failure more; whatever becomes of it, that dead letter has no further effect", async () => {
      for (const status of ["failed", "succeeded", "cancelled"] as const) {
        const { request_id, end, replay, count } = await given();
        const started = await replay("one");
        if (started.kind !== "started") throw new Error(started.kind);
        expect(started.execution).toMatchObject({ request_id, attempt: 2, status: "queued" });
        await end(request_id, status);
        const again = await replay("one");
        expect(again).toMatchObject({ kind: "replayed", execution: { id: started.execution.id, status } });
        expect(await count()).toBe(2);
      }
    });

    test("a call that is repeated under the id of its execution has started it", async () => {
      const { replay } = await given();
      const id = newId();
      for (let time = 0; time < 2; time++) {
        expect(await replay("one", false, id)).toMatchObject({ kind: "started", execution: { id } });
      }
    });

    test("another dead letter of the request is refused while an execution is active, and admitted afterwards", async () => {
      const { request_id, end, replay } = await given();
      const started = await replay("one");
      const execution_id = started.kind === "started" ? started.execution.id : "";
      const refusal = { kind: "active" as const, execution_id };
      expect(await replay("other")).toEqual({ kind: "refused", request_id, refusal });
      await end(request_id, "failed");
      expect(await replay("other")).toMatchObject({ kind: "started", execution: { attempt: 3 } });
    });

    test("a success is final, and an unknown request stays unknown", async () => {
      const { api, request_id, first, replay, count } = await given("succeeded");
      const refusal = { kind: "succeeded" as const, execution_id: first };
      expect(await replay("one")).toEqual({ kind: "refused", request_id, refusal });
      expect(await count()).toBe(1);
      const other = newId();
      const dead_letters = [{ id: "one", request_id: other, execution_id: newId() }];
      expect((await api.replayDeadLetters({ dead_letters, dry_run: false })).answers).toEqual([
        { kind: "refused", request_id: other, refusal: { kind: "unknown_request" } },
      ]);
    });

    test("a dry run changes nothing, and says what a replay would", async () => {
      const { replay, count } = await given();
      expect(await replay("one", true)).toEqual({ kind: "possible" });
      expect(await count()).toBe(1);
      await replay("one");
      expect(await replay("one", true)).toMatchObject({ kind: "replayed", execution: { attempt: 2 } });
      expect(await replay("other", true)).toMatchObject({ kind: "refused", refusal: { kind: "active" } });
      expect(await count()).toBe(2);
    });
  });
}
