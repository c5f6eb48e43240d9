import type { OutgoingRecord } from "@sate/contracts";
import type { LogFile } from "../log-file.ts";

/** The services' `Publisher` on the log file. It does not own the log: closing it closes nothing else. */
export function sqlitePublisher(log: LogFile, unavailable: (message: string, cause?: unknown) => Error) {
  let isClosed = false;
  return {
    async open(): Promise<void> {},
    async publish(records: OutgoingRecord[]): Promise<void> {
      if (isClosed) throw unavailable("The publisher is closed.");
      try {
        await log.append(records);
      } catch (cause) {
        throw unavailable("The log did not take the records.", cause);
      }
    },
    async ping(): Promise<void> {},
    async close(): Promise<void> {
      isClosed = true;
    },
  };
}
