import { describe, expect, test } from "bun:test";
import type { ExecutionRef, RequestsApi, RunRef } from "@sate/contracts";
import { newId } from "../../builders.ts";

export type WatchApiUnderTest = {
  api: Pick<RequestsApi, "executionStates" | "followLogs" | "appendLogs" | "cancelExecution">;
  /** Stores a queued execution. */
  queue(): Promise<ExecutionRef>;
  /** Makes the queued execution running. */
  run(ref: ExecutionRef): Promise<RunRef>;
};

/** What every implementation of the operations that watch executions must do. */
export function watchApiConformance(name: string, make: () => WatchApiUnderTest): void {
  describe(`${name}: watching`, () => {
    test("the states of executions are returned in the order of the call, null for unknown ones", async () => {
      const { api, queue, run } = make();
      const [waiting, running, ended] = [await queue(), await queue(), await queue()];
      await run(running);
      await api.cancelExecution(ended);
      const refs = [
        ended,
        { ...waiting, execution_id: newId() },
        running,
        { ...waiting, attempt: 2 },
        waiting,
        { request_id: newId(), attempt: 1, execution_id: newId() },
        ended,
      ];
      const { states } = await api.executionStates({ refs });
      expect(states.map((state) => state && [state.id, state.status, state.epoch])).toEqual([
        [ended.execution_id, "cancelled", 0],
        null,
        [running.execution_id, "running", 1],
        null,
        [waiting.execution_id, "queued", 0],
        null,
        [ended.execution_id, "cancelled", 0],
      ]);
      for (const state of states) expect(JSON.stringify(state)).not.toContain("payload");
      expect(await api.executionStates({ refs: [] })).toEqual({ states: [] });
    });

    test("logs are followed from their position, in the order of the call", async () => {
      const { api, queue, run } = make();
      const [first, second] = [await run(await queue()), await run(await queue())];
      const chunks = [0, 1, 2].map((sequence) => ({ ...first, sequence, text: `${sequence}\n` }));
      await api.appendLogs({ chunks });
      const { epoch } = first;
      const unknown = { ...first, execution_id: newId() };
      const { logs } = await api.followLogs({
        executions: [second, { ...first, after: { epoch, sequence: 0 } }, unknown, first],
      });
      expect(logs.map(({ chunks }) => chunks.map(({ text }) => text).join(""))).toEqual([
        "",
        "1\n2\n",
        "",
        "0\n1\n2\n",
      ]);
      expect(logs.map(({ more }) => more)).toEqual([false, false, false, false]);
      const nothing = { ...first, after: { epoch, sequence: 2 } };
      expect(await api.followLogs({ executions: [nothing] })).toEqual({
        logs: [{ chunks: [], more: false }],
      });
    });
  });
}
