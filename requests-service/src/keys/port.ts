import type { IdempotencyKey } from "@sate/contracts";

/** What the first call with an Idempotency-Key created, or was about to create. */
export type StoredKey = IdempotencyKey & { request_id: string; execution_id?: string | undefined };

/** The Idempotency-Keys of creations of requests. */
export type Keys = {
  /** Stores those whose hash is free. Returns, for each, what is now stored under its hash. */
  insert(keys: StoredKey[]): Promise<StoredKey[]>;
  get(hashes: string[]): Promise<Map<string, StoredKey>>;
  /** Deletes up to `limit` of the keys stored before this instant, the oldest first. Returns how many. */
  removeBefore(instant: number, limit: number): Promise<number>;
};
