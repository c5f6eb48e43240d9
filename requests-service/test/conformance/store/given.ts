import { afterAll, beforeAll, expect } from "bun:test";
import type { Execution } from "../../../src/executions/execution.ts";
import { pagesOf } from "../../../src/pages.ts";
import type { Store } from "../../../src/ports.ts";
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

export function givenStores(under: () => Promise<StoreUnderTest>) {
  const opened = {} as { database: StoreUnderTest; store: Store; other: Store };
  beforeAll(async () => {
    const database = await under();
    const store = await database.make();
    await store.open();
    const other = await database.make(store);
    await other.open();
    Object.assign(given, { database, store, other });
  }, 60_000);
  afterAll(async () => {
    await given.store?.close();
    await given.other?.close();
  }, 60_000);

  const claimFor = (worker_id = newId()) => ({ worker_id, claim_id: newId() });

  /** Stores new executions of requests of their own. */
  async function queued(count: number): Promise<Execution[]> {
    const executions = Array.from({ length: count }, () => madeExecution());
    expect(await given.store.executions.insert(executions)).toEqual(executions.map(() => true));
    return executions;
  }
  const one = async () => (await queued(1))[0] as Execution;

  const given = {
    ...opened,
    /** One store for even numbers, the other for odd ones. */
    either: (index: number) => (index % 2 ? given.store : given.other),
    ...{ queued, one, claimFor },
    async running(worker_id?: string): Promise<Execution> {
      const { held } = await given.store.runs.claim(claimFor(worker_id), [refOf(await one())]);
      return held[0] as Execution;
    },
    async now(execution: Execution): Promise<Execution> {
      return (await given.store.executions.get([execution]))[0] as Execution;
    },
    /** All marks of these, walking pages of `limit`. */
    async marksOf(executions: Execution[], limit = 1_000): Promise<string[]> {
      const ids = new Set(executions.map(({ request_id }) => request_id));
      const pages = await Array.fromAsync(pagesOf(given.store.outbox.marked, limit));
      return pages.flat().flatMap(({ request_id, mark }) => (ids.has(request_id) ? [mark] : []));
    },
  };
  return given;
}
