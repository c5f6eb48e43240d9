import { expect } from "bun:test";
import type { RunRef } from "@sate/contracts";
import type { Execution } from "../../src/execution.ts";
import type { Store } from "../../src/ports.ts";
import { lostMax } from "../core.ts";

export const maxFailures = 3;
const isActive = ({ status }: Execution) => status === "queued" || status === "running";
const isFailure = ({ status }: Execution) => status === "failed" || status === "dead_lettered";

/** Holds what was seen of every execution, and fails as soon as the next look contradicts it. */
export function createInvariants(store: Store, requestIds: string[]) {
  const seen = new Map<string, Execution>();
  const acknowledged = new Map<string, string>();
  const outcomes = new Map<string, string>();

  const holders = new Map<string, { workerId: string; epoch: number; isReleased: boolean }>();

  return {
    /** A worker was told that it runs this. Whoever ran it before must be gone, or have let go of it. */
    async granted(workerId: string, { execution_id, epoch }: RunRef): Promise<void> {
      const last = holders.get(execution_id);
      if (last && epoch < last.epoch) return; // a late answer
      if (last?.epoch === epoch && last.workerId === workerId) return; // a repeated one
      holders.set(execution_id, { workerId, epoch, isReleased: false });
      if (!last || last.workerId === workerId) return;
      expect(epoch, "the epoch of another worker's run").toBeGreaterThan(last.epoch);
      const [worker] = await store.workers.get([last.workerId]);
      const isAlive = worker !== undefined && !worker.givenUp;
      expect(isAlive && !last.isReleased, "it is taken from a living worker").toBe(false);
    },
    /** A worker said, or tried to say, that it runs this no more. */
    released({ execution_id, epoch }: RunRef): void {
      const holder = holders.get(execution_id);
      if (holder?.epoch === epoch) holder.isReleased = true;
    },
    async exhausted(requestId: string): Promise<void> {
      const executions = (await store.executions.ofRequests([requestId])).get(requestId) ?? [];
      expect(executions.filter(isFailure).length, "failures of one that has failed too often").toBe(
        maxFailures,
      );
    },
    /** An execution that somebody was told was created, or an outcome that somebody was told is stored. */
    created: (executionId: string, requestId: string) => void acknowledged.set(executionId, requestId),
    finished: (executionId: string, resultId: string) => void outcomes.set(executionId, resultId),

    async check(): Promise<Execution[]> {
      const byRequest = await store.executions.ofRequests(requestIds);
      const all: Execution[] = [];
      for (const executions of byRequest.values()) {
        all.push(...executions);
        expect(
          executions.map(({ attempt }) => attempt),
          "attempts are dense",
        ).toEqual(executions.map((_, index) => index + 1));
        expect(executions.filter(isActive).length, "active executions of a request").toBeLessThanOrEqual(1);
        expect(executions.slice(0, -1).filter(isActive), "active before the last attempt").toEqual([]);
        const succeeded = executions.findIndex(({ status }) => status === "succeeded");
        if (succeeded >= 0) expect(succeeded, "a success is the last attempt").toBe(executions.length - 1);
        expect(executions.filter(isFailure).length, "failures of a request").toBeLessThanOrEqual(maxFailures);
        for (const execution of executions) this.compare(execution);
      }
      for (const [id, requestId] of acknowledged) {
        expect(
          byRequest.get(requestId)?.some((one) => one.id === id),
          "an acknowledged execution",
        ).toBe(true);
      }
      return all;
    },

    compare(execution: Execution): void {
      const { id, epoch, lost, status, outcome } = execution;
      const last = seen.get(id);
      seen.set(id, execution);
      expect(lost, "losses").toBeLessThanOrEqual(lostMax);
      const outcomeStatus = isActive(execution) ? undefined : status;
      expect(outcome?.status, "the status of the outcome").toBe(outcomeStatus as "failed");
      const told = outcomes.get(id);
      if (told !== undefined) expect(outcome?.result_id, "an acknowledged outcome").toBe(told);
      if (!last) return;
      expect(epoch, "the epoch").toBeGreaterThanOrEqual(last.epoch);
      expect(lost, "losses").toBeGreaterThanOrEqual(last.lost);
      if (last.cancelRequested) expect(epoch, "the epoch of one that is to be cancelled").toBe(last.epoch);
      if (!isActive(last)) {
        expect([status, outcome?.result_id, epoch], "a final execution").toEqual([
          last.status,
          last.outcome?.result_id as string,
          last.epoch,
        ]);
      }
    },
  };
}
