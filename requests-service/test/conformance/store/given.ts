import { expect } from "bun:test";
import type { Execution } from "../../../src/executions/execution.ts";
import type { Marked, Store } from "../../../src/ports.ts";
import { madeExecution, newId, refOf } from "../../builders.ts";

export type StoreUnderTest = {
  /** A store on a database of its own, or on that of a store made before. Not opened. */
  make(sameAs?: Store): Promise<Store>;
  /** How often one of them has asked the database to do something: commands, commits. */
  operations(): number;
  /** The execution, made such that this database never accepts it. */
  invalid(execution: Execution): Execution;
};

/** What the cases of every port are given: two open stores on one database, and executions in it. */
export type Given = ReturnType<typeof givenStores>;

export function givenStores(opened: () => { database: StoreUnderTest; store: Store; other: Store }) {
  const claimFor = (worker_id = newId()) => ({ worker_id, claim_id: newId() });

  /** Stores new executions of requests of their own. */
  async function queued(count: number, parts: Partial<Execution> = {}): Promise<Execution[]> {
    const executions = Array.from({ length: count }, () => madeExecution(parts));
    expect(await opened().store.executions.insert(executions)).toEqual(executions.map(() => true));
    return executions;
  }
  async function one(parts: Partial<Execution> = {}): Promise<Execution> {
    return (await queued(1, parts))[0] as Execution;
  }

  return {
    get database() {
      return opened().database;
    },
    get store() {
      return opened().store;
    },
    get other() {
      return opened().other;
    },
    /** One store for even numbers, the other for odd ones. */
    either: (index: number) => (index % 2 ? opened().store : opened().other),
    queued,
    one,
    claimFor,
    async running(worker_id?: string): Promise<Execution> {
      const { held } = await opened().store.runs.claim(claimFor(worker_id), [refOf(await one())]);
      return held[0] as Execution;
    },
    async now(execution: Execution): Promise<Execution> {
      return (await opened().store.executions.get([execution]))[0] as Execution;
    },
    /** All marks of these, walking pages of `limit`. */
    async marksOf(executions: Execution[], limit = 1_000): Promise<string[]> {
      const ids = new Set(executions.map(({ request_id }) => request_id));
      const marks: string[] = [];
      for (let after: Marked | undefined; ; ) {
        const page = await opened().store.outbox.marked({ after, limit });
        marks.push(...page.flatMap(({ request_id, mark }) => (ids.has(request_id) ? [mark] : [])));
        if (page.length < limit) return marks;
        after = page.at(-1);
      }
    },
  };
}
