import type { OutgoingRecord } from "@sate/contracts";
import { type Publisher, Unavailable } from "../../src/ports.ts";

/** A broker in memory. While `isAway` it takes nothing and does not answer. */
export function fakePublisher() {
  const records: OutgoingRecord[] = [];
  const state = { isAway: false, isClosed: false, opens: 0 };
  const answer = async () => {
    if (state.isAway || state.isClosed) throw new Unavailable("The broker does not answer.");
  };
  const port: Publisher = {
    async publish(wanted) {
      await answer();
      records.push(...wanted);
    },
    async open() {
      await answer();
      state.opens++;
    },
    ping: answer,
    async close() {
      state.isClosed = true;
    },
  };
  return { port, records, state };
}
