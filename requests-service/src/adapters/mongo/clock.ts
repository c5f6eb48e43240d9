import { Unavailable } from "@sate/contracts";
import type { MongoClient } from "mongodb";

/** The clock of a database server: read from time to time, and extrapolated with the monotonic clock of this process. */
export type MongoClock = {
  /** Reads it. The error is less than the time that this call takes. */
  read(): Promise<void>;
  /** Whole ms since 1970. Throws `Unavailable` until it has been read. */
  now(): number;
};

export function mongoClock(client: MongoClient): MongoClock {
  let last: { server: number; monotonic: number } | null = null;
  return {
    async read() {
      const sent = performance.now();
      // The older name of `hello`: the driver begins with it too, because compatible servers may know no other.
      const { localTime } = await client.db().command({ isMaster: 1 });
      last = { server: (localTime as Date).getTime(), monotonic: (sent + performance.now()) / 2 };
    },
    now() {
      if (last === null)
        throw new Unavailable("The clock of the Requests DB has not been read yet.", { reason: "not_done" });
      return Math.floor(last.server + performance.now() - last.monotonic);
    },
  };
}
