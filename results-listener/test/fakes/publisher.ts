import { type OutgoingRecord, type Publisher, Unavailable } from "@sate/contracts";

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
