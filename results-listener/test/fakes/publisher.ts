import { type OutgoingRecord, Unavailable } from "@sate/contracts";
import type { Publisher } from "../../src/ports.ts";

/** A publisher that keeps what is published. */
export function fakePublisher() {
  const state = { published: [] as OutgoingRecord[], isAway: false, isClosed: false };
  const respond = async () => {
    if (state.isAway || state.isClosed) throw new Unavailable("The broker does not respond.");
  };
  const publisher: Publisher = {
    async publish(records) {
      await respond();
      state.published.push(...records);
    },
    open: respond,
    ping: respond,
    async close() {
      state.isClosed = true;
    },
  };
  return Object.assign(state, publisher);
}
