import { Unavailable } from "@sate/contracts";
import { inTime } from "@sate/contracts/runtime";

/** Gives a call its deadline and its error: the driver's messages may contain addresses and passwords. */
export type Guarded = <A extends unknown[], T>(
  call: (...args: A) => Promise<T>,
) => (...args: A) => Promise<T>;

/** After `isClosed` no call is made, because the driver would connect again. */
export function guardedCalls(deadlineMs: number, isClosed: () => boolean): Guarded {
  return (call) =>
    async (...args) => {
      if (isClosed()) throw new Unavailable("The Requests DB is closed.", { reason: "not_done" });
      try {
        return await inTime(call(...args), deadlineMs);
      } catch (cause) {
        throw new Unavailable("The Requests DB did not respond, or not in time.", { cause });
      }
    };
}
