import { isUnavailable, Unavailable } from "../internal/unavailable.ts";
import { DeadlinePassed, inTime } from "./deadline.ts";
import type { Counters } from "./metrics.ts";

/** Wraps a call of a database's driver: limits its time, and turns every failure into an `Unavailable`. */
export type Guarded = <A extends unknown[], T>(
  call: (...args: A) => T | Promise<T>,
) => (...args: A) => Promise<T>;

/**
 * How an adapter calls its database; `database` is its name in messages ("the Results DB"). A call that fails or takes
 * longer than `deadlineMs` rejects with `Unavailable`. The driver's error is only its cause, because a driver's messages
 * may contain addresses and passwords. After `close` no call is made, because a driver would connect again.
 */
export function databaseCalls(database: string, deadlineMs?: number) {
  let isClosed = false;
  const guarded: Guarded =
    (call) =>
    async (...args) => {
      if (isClosed) throw new Unavailable(`The connection to ${database} is closed.`, { reason: "not_done" });
      try {
        const result = call(...args);
        return await (deadlineMs === undefined ? result : inTime(Promise.resolve(result), deadlineMs));
      } catch (cause) {
        if (isUnavailable(cause)) throw cause;
        const what = cause instanceof DeadlinePassed ? `did not end within ${deadlineMs} ms` : "failed";
        throw new Unavailable(`A call to ${database} ${what}.`, { cause });
      }
    };
  return {
    guarded,
    async close(): Promise<void> {
      isClosed = true;
    },
  };
}

/**
 * The options of every MongoDB client. Writes are acknowledged by the majority and journaled. The driver retries nothing
 * and has no deadline for a whole call (`timeoutMS` does nothing in 7.9). `databaseCalls` sets that deadline; these
 * timeouts free the connections that a late call still occupies.
 */
export function mongoOptions(deadlineMs: number) {
  return {
    socketTimeoutMS: deadlineMs,
    waitQueueTimeoutMS: deadlineMs,
    serverSelectionTimeoutMS: Math.min(3_000, deadlineMs),
    connectTimeoutMS: Math.min(3_000, deadlineMs),
    retryWrites: false,
    retryReads: false,
    writeConcern: { w: "majority", journal: true, wtimeoutMS: deadlineMs },
    readConcern: { level: "majority" },
    monitorCommands: true,
    ignoreUndefined: true,
  } as const;
}

/** The part of the driver's `MongoClient` that is used here, because contracts do not depend on the driver. */
type MongoClient = {
  on(event: "commandStarted", listener: () => void): unknown;
  db(): { command(command: { ping: 1 }): Promise<unknown> };
  close(): Promise<void>;
};

/** `databaseCalls` to MongoDB, whose commands are counted. */
export function mongoCalls(
  client: MongoClient,
  options: { database: string; deadlineMs: number; counters: Counters },
) {
  const { guarded, close } = databaseCalls(options.database, options.deadlineMs);
  client.on("commandStarted", () => options.counters.add("mongo_commands"));
  return {
    guarded,
    ping: guarded(async () => void (await client.db().command({ ping: 1 }))),
    async close(): Promise<void> {
      await close();
      // A connection that does not close in time ends with the process.
      await inTime(client.close(), 2_000).catch(() => {});
    },
  };
}
