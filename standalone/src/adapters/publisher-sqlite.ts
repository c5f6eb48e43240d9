import type { OutgoingRecord } from "@sate/contracts";
import type { LogFile } from "../log-file.ts";

/** The log did not take the records, or it is not certain that it did. */
class Unavailable extends Error {
  override name = "Unavailable";
}

/** The services' `Publisher` on the log file. It does not own the file: closing it closes nothing else. */
export function sqlitePublisher(file: LogFile) {
  let isClosed = false;
  return {
    async open(): Promise<void> {},
    async publish(records: OutgoingRecord[]): Promise<void> {
      if (isClosed) throw new Unavailable("The publisher is closed.");
      try {
        await file.append(records);
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
