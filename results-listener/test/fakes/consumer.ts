import { type Consumer, type IncomingRecord, Unavailable } from "@sate/contracts";

/** A consumer that delivers the records of a test, once. */
export function fakeConsumer() {
  let handle: ((records: IncomingRecord[]) => Promise<void>) | null = null;
  const state = {
    committed: [] as IncomingRecord[],
    isJoined: false,
    isStopped: false,
    /** While there is one it cannot join, or has no records. */
    reason: null as string | null,
  };
  const consumer: Consumer = {
    async start(handler) {
      if (state.reason !== null) throw new Unavailable(state.reason);
      handle = handler;
      state.isJoined = true;
    },
    async stop() {
      state.isStopped = true;
    },
    notReadyReason: () => state.reason,
  };
  return Object.assign(state, consumer, {
    /** Delivers records; resolves after they are committed, rejects if they are not. */
    async deliver(records: IncomingRecord[]) {
      if (handle === null) throw new Error("the consumer was not started");
      await handle(records);
      state.committed.push(...records);
    },
  });
}
