import type { IncomingRecord } from "@sate/contracts";
import type { Consumer } from "../../src/ports.ts";

/** A consumer that delivers the records of a test, once. */
export type FakeConsumer = Consumer & {
  /** Delivers records; resolves after they are committed, rejects if they are not. */
  deliver(records: IncomingRecord[]): Promise<void>;
  readonly committed: IncomingRecord[];
  readonly isJoined: boolean;
  readonly isStopped: boolean;
  complains: string | null;
};

export function fakeConsumer(): FakeConsumer {
  let handle: ((records: IncomingRecord[]) => Promise<void>) | null = null;
  const committed: IncomingRecord[] = [];
  let isStopped = false;
  return {
    complains: null,
    committed,
    async start(handler) {
      handle = handler;
    },
    async stop() {
      isStopped = true;
    },
    notReadyReason() {
      return this.complains;
    },
    async deliver(records) {
      if (handle === null) throw new Error("the consumer was not started");
      await handle(records);
      committed.push(...records);
    },
    get isJoined() {
      return handle !== null;
    },
    get isStopped() {
      return isStopped;
    },
  };
}
