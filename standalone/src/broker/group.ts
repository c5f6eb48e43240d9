import type { Consumer, IncomingRecord } from "@sate/contracts";
import { errorFields, inTime, type Log, microBatch } from "@sate/contracts/runtime";

export type Limits = {
  /** How long a publication may wait until its records are handled. */
  publishMs: number;
  /** The memory that unhandled records of a group may take; further records are rejected. */
  bytesMax: number;
};

type Handle = Parameters<Consumer["start"]>[0];
type Publication = { isOver: boolean };

/** Per call of a handler. */
const partRecordsMax = 512;
const partBytesMax = 8 * 1024 * 1024;
const retryMs = { first: 50, most: 1_000 };
const stopMs = 5_000;

/**
 * A consumer group of the in-process broker. The first of its members handles records, the others stand by. One
 * call of the handler is in progress at a time, with the records that have arrived meanwhile. If it rejects, it is
 * repeated with backoff, without the records whose publication has passed its deadline.
 */
export function createGroup(name: string, parts: { log: Log; limits: Limits }) {
  const { log, limits } = parts;
  const members = new Set<{ handle?: Handle }>();
  let heldBytes = 0;
  let derived: IncomingRecord[] | null = null;
  let call: Promise<void> = Promise.resolve();

  const handled = microBatch<{ record: IncomingRecord; publication: Publication }, void>(
    async (part) => {
      for (let pauseMs = retryMs.first; ; pauseMs = Math.min(pauseMs * 2, retryMs.most)) {
        const records = part.filter(({ publication }) => !publication.isOver).map(({ record }) => record);
        if (records.length === 0) return [];
        const [member] = members;
        if (!member?.handle) throw new Error(`The consumer group ${name} has stopped.`);
        try {
          call = handleWhole(member.handle, records);
          await call;
          return [];
        } catch (error) {
          const fields = { group: name, records: records.length, ...errorFields(error) };
          log.warn("handling records failed; it is retried", fields);
        }
        await Bun.sleep(pauseMs);
      }
    },
    { itemsMax: partRecordsMax, sizeMax: partBytesMax, sizeOf: ({ record }) => bytesOf(record) },
  );

  /** The records are handled when the records that the handler derived from them are. */
  async function handleWhole(handle: Handle, records: IncomingRecord[]): Promise<void> {
    const own: IncomingRecord[] = [];
    derived = own;
    try {
      await handle(records);
      while (own.length > 0) await handle(own.splice(0));
    } finally {
      derived = null;
    }
  }

  /** Resolves when a handler has handled the records; rejects at the deadline and when no member is left. */
  async function deliver(records: IncomingRecord[]): Promise<void> {
    if (members.size === 0) throw new Error(`The consumer group ${name} is not running.`);
    const bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    if (heldBytes + bytes > limits.bytesMax)
      throw new Error(`Too many records wait for the consumer group ${name}.`);
    heldBytes += bytes;
    const publication = { isOver: false };
    const handling = records.map((record) => handled({ record, publication }));
    // Records whose publication missed its deadline take memory until the call before them has ended.
    void Promise.allSettled(handling).then(() => {
      heldBytes -= bytes;
    });
    try {
      await inTime(Promise.all(handling), limits.publishMs);
    } finally {
      publication.isOver = true;
    }
  }

  return {
    deliver,

    /**
     * Delivers what the group's own handler publishes. Waiting for it would never end, because the call that
     * publishes is the one in progress. So the same call hands these records to the handler afterwards.
     */
    async derive(records: IncomingRecord[]): Promise<void> {
      if (derived === null) return deliver(records);
      derived.push(...records);
    },

    member(): Consumer {
      const member: { handle?: Handle } = {};
      let isStopped = false;
      return {
        async start(handle) {
          if (isStopped) return;
          member.handle = handle;
          members.add(member);
        },
        async stop() {
          isStopped = true;
          if (!members.delete(member)) return;
          const ended = call.catch(() => {});
          await inTime(ended, stopMs).catch(() => log.warn("a handler did not end in time", { group: name }));
        },
        notReadyReason: () => null,
      };
    },
  };
}

export type Group = ReturnType<typeof createGroup>;

/** What a record takes in memory, roughly: its bytes, and the objects around them. */
function bytesOf({ key, value }: IncomingRecord): number {
  return 1_000 + (key?.length ?? 0) + (value?.length ?? 0);
}
