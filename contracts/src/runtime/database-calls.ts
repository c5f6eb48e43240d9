import { Unavailable } from "../internal/unavailable.ts";
import { inTime } from "./deadline.ts";
import type { Counters } from "./metrics.ts";

/** Gives a call of a database's driver its deadline and its error. */
export type Guarded = <A extends unknown[], T>(
  call: (...args: A) => T | Promise<T>,
) => (...args: A) => Promise<T>;

/**
 * How an adapter calls its database, whose name ("the Results DB") messages contain. Every failure is an `Unavailable`
 * with the driver's error as its cause, because a driver's messages may contain addresses and passwords; so is a call
 * that takes longer than `deadlineMs`. After `close` no call is made, because a driver would connect again.
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
        throw new Unavailable(`A call to ${database} failed, or took too long.`, { cause });
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
 * The options of every MongoDB client. Writes are acknowledged by the majority and journaled. The driver repeats nothing
 * and has no deadline for a whole call (`timeoutMS` does nothing in 7.9): `databaseCalls` has one, and these timeouts free
 * what a call leaves behind after it.
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

/** What is used of a `MongoClient`: contracts do not depend on the driver. */
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
