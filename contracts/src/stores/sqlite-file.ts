import type { Database } from "bun:sqlite";

/**
 * An open database of one process, as adapters get it. `write` runs `work`, which is synchronous, in a commit, and resolves
 * with its result when that is durable. If `work` throws, its changes alone are rolled back and its error is what
 * `write` rejects with; a commit that fails is an `Unavailable` whose reason says whether nothing was stored.
 */
export type SqliteFile = { db: Database; write<T>(work: () => T): Promise<T> };
