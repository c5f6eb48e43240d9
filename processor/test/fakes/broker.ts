import {
  type ExecutionRef,
  executionRecord,
  type IncomingRecord,
  type OutgoingRecord,
  Unavailable,
} from "@sate/contracts";
import type { Consumer, Publisher } from "../../src/ports.ts";

/** A consumer that hands over what the test gives it. */
export type FakeConsumer = Consumer & {
  /** Hands records over; resolves after they are committed, rejects if they are not. */
  deliver(records: IncomingRecord[]): Promise<void>;
  readonly committed: IncomingRecord[];
  readonly isJoined: boolean;
  readonly isStopped: boolean;
  complains: string | null;
};

export function fakeConsumer(): FakeConsumer {
  const committed: IncomingRecord[] = [];
  let handle: ((records: IncomingRecord[]) => Promise<void>) | null = null;
  let isStopped = false;
  return {
    async start(handler) {
      handle = handler;
    },
    async stop() {
      isStopped = true;
    },
    complains: null,
    notReadyReason() {
      return this.complains;
    },
    async deliver(records) {
      if (handle === null) throw new Error("the consumer was not started");
      await handle(records);
      committed.push(...records);
    },
    committed,
    get isJoined() {
      return handle !== null;
    },
    get isStopped() {
      return isStopped;
    },
  };
}

export type FakePublisher = Publisher & {
  readonly published: OutgoingRecord[];
  readonly isClosed: boolean;
  isAway: boolean;
};

export function fakePublisher(): FakePublisher {
  const published: OutgoingRecord[] = [];
  let isClosed = false;
  let isAway = false;
  const answer = async () => {
    if (isAway || isClosed) throw new Unavailable("The broker does not respond.");
  };
  return {
    async publish(records) {
      await answer();
      published.push(...records);
    },
    open: answer,
    ping: answer,
    async close() {
      isClosed = true;
    },
    published,
    get isClosed() {
      return isClosed;
    },
    get isAway() {
      return isAway;
    },
    set isAway(is) {
      isAway = is;
    },
  };
}

let offset = 0;

/** The wake-up of an execution, as a consumer gets it. */
export function wakeUp(ref: ExecutionRef): IncomingRecord {
  const record = executionRecord({
    id: ref.execution_id,
    attempt: ref.attempt,
    request_id: ref.request_id,
    force_error: false,
    creation_date: "2020-11-07 16:31:58.103057",
    payload_json: "{}",
  });
  return incoming(Buffer.from(record.value as string), Buffer.from(ref.request_id));
}

export function incoming(value: Uint8Array | null, key: Uint8Array | null = null): IncomingRecord {
  return {
    topic: "processing_requests_executions",
    partition: 0,
    offset: String(offset++),
    timestamp: "1604766718103",
    key,
    value,
    headers: {},
  };
}
