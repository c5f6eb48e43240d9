import {
  type Consumer,
  defaultProcessor,
  executionRecord,
  type IncomingRecord,
  type OutgoingRecord,
  type Publisher,
  Unavailable,
  type WakeUp,
} from "@sate/contracts";

type Handle = Parameters<Consumer["start"]>[0];

/** A consumer that hands over what the test gives it. */
export function fakeConsumer() {
  let handle: Handle | null = null;
  const consumer = {
    committed: [] as IncomingRecord[],
    isStopped: false,
    /** Why it is not ready, and why it does not join. */
    reason: null as string | null,
    get isJoined() {
      return handle !== null;
    },
    async start(handler: Handle) {
      if (consumer.reason !== null) throw new Unavailable(consumer.reason);
      handle = handler;
    },
    async stop() {
      consumer.isStopped = true;
    },
    notReadyReason: () => consumer.reason,
    /** Hands records over; resolves after they are committed, rejects if they are not. */
    async deliver(records: IncomingRecord[]) {
      if (handle === null) throw new Error("the consumer was not started");
      await handle(records);
      consumer.committed.push(...records);
    },
  };
  return consumer satisfies Consumer;
}

export function fakePublisher() {
  const assertOpen = async () => {
    if (publisher.isAway || publisher.isClosed) throw new Unavailable("The broker does not respond.");
  };
  const publisher = {
    published: [] as OutgoingRecord[],
    isClosed: false,
    isAway: false,
    async publish(records: OutgoingRecord[]) {
      await assertOpen();
      publisher.published.push(...records);
    },
    open: assertOpen,
    ping: assertOpen,
    async close() {
      publisher.isClosed = true;
    },
  };
  return publisher satisfies Publisher;
}

let offset = 0;

/** The wake-up of an execution, as a consumer gets it; with `processor: undefined` as version 0.1.0 wrote it. */
export function wakeUp(wakeUp: WakeUp): IncomingRecord {
  const { execution_id, request_id, attempt, processor } = { processor: defaultProcessor, ...wakeUp };
  const { value, key, headers } = executionRecord({
    ...{ id: execution_id, attempt, request_id, force_error: false, payload_json: "{}", processor },
    creation_date: "2020-11-07 16:31:58.103057",
  });
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]);
  return {
    ...incoming(Buffer.from(value as string), Buffer.from(key as string)),
    headers: Object.fromEntries(bytes),
  };
}

export function incoming(value: Uint8Array | null, key: Uint8Array | null = null): IncomingRecord {
  return {
    ...{ topic: "processing_requests_executions", partition: 0, offset: String(offset++) },
    ...{ timestamp: "1604766718103", key, value, headers: {} },
  };
}
