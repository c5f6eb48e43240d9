import type { OutgoingRecord } from "@sate/contracts";
import type { LogFile } from "../log-file.ts";
import type { UnavailableClass } from "./direct.ts";

/** A service's `Publisher` on the log. It does not own the log: closing it closes nothing else. */
export function sqlitePublisher(log: LogFile, Unavailable: UnavailableClass) {
  let isClosed = false;
  return {
    async open(): Promise<void> {},
    async publish(records: OutgoingRecord[]): Promise<void> {
      if (isClosed) throw new Unavailable("The publisher is closed.");
      try {
        await log.append(records);
      } catch (cause) {
        throw new Unavailable("The log did not take the records.", { cause });
      }
    },
    async ping(): Promise<void> {},
    async close(): Promise<void> {
      isClosed = true;
    },
  };
}
