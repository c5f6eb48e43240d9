import type { Consumer, IncomingRecord } from "@sate/contracts";
import { errorFields, inTime, type Log } from "@sate/contracts/runtime";

type Handle = (records: IncomingRecord[]) => Promise<void>;

export type Limits = {
  /** How long a publication may wait until its records are handled. */
  publishMs: number;
  /** Of unhandled records, with keys and values of so many bytes together; more are rejected. */
  recordsMax: number;
  bytesMax: number;
};

/** Of one call of a handler. */
const partRecordsMax = 512;
const partBytesMax = 8 * 1024 * 1024;
const retryMs = { first: 50, most: 2_000 };
const stopMs = 5_000;

/** What one call of `deliver` waits for. */
type Publication = { left: number; isOver: boolean; end(error?: Error): void };
type Waiting = { record: IncomingRecord; publication: Publication };
type Member = { handle: Handle; call: Promise<void>; abandon: (error: Error) => void };

/**
 * A consumer group of the in-process broker. The first of its members handles records, the others stand by. One
 * call of the handler is under way at a time, with what has gathered meanwhile:
 *
 *     idle ──delivered──▶ handling ──resolved──▶ its publications resolve; the next part, or idle
 *                           │  ▲
 *                        rejected, a pause, the same records again until their publications have ended
 *
 * A publication ends when all of its records are handled, at its deadline, or when no member is left.
 */
export function createGroup(name: string, parts: { log: Log; limits: Limits }) {
  const { log, limits } = parts;
  const members = new Set<Member>();
  const publications = new Set<Publication>();
  let queue: Waiting[] = [];
  let held = { records: 0, bytes: 0 };
  let derived: IncomingRecord[] | null = null;
  let isWorking = false;
  let endPause = () => {};

  function assertOpen(records: IncomingRecord[]): void {
    if (members.size === 0) throw new Error(`The consumer group ${name} is not running.`);
    const isFull =
      held.records + records.length > limits.recordsMax || held.bytes + bytesOf(records) > limits.bytesMax;
    if (isFull) throw new Error(`Too many records wait for the consumer group ${name}.`);
  }

  function deliver(records: IncomingRecord[]): Promise<void> {
    assertOpen(records);
    const bytes = bytesOf(records);
    held = { records: held.records + records.length, bytes: held.bytes + bytes };
    return new Promise((resolve, reject) => {
      const publication: Publication = {
        left: records.length,
        isOver: false,
        end(error) {
          if (publication.isOver) return;
          publication.isOver = true;
          clearTimeout(timer);
          publications.delete(publication);
          held = { records: held.records - records.length, bytes: held.bytes - bytes };
          if (error === undefined) return resolve();
          queue = queue.filter((waiting) => waiting.publication !== publication);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        publication.end(new Error(`${name} did not handle the records within ${limits.publishMs} ms.`));
      }, limits.publishMs);
      publications.add(publication);
      for (const record of records) queue.push({ record, publication });
      wake();
    });
  }

  /** What is published in the same turn of the event loop is handled together. */
  function wake(): void {
    if (isWorking) return;
    isWorking = true;
    queueMicrotask(work);
  }

  async function work(): Promise<void> {
    let pauseMs = retryMs.first;
    for (let part = take(); part.length > 0; part = take()) {
      const [member] = members;
      if (member === undefined) {
        for (const publication of publications) publication.end(new Error(`${name} has stopped.`));
        break;
      }
      try {
        await call(member, part);
        pauseMs = retryMs.first;
        for (const { publication } of part) if (--publication.left === 0) publication.end();
      } catch (error) {
        log.warn("could not handle records; they are tried again", {
          group: name,
          records: part.length,
          ...errorFields(error),
        });
        await pause(pauseMs * (0.5 + Math.random() / 2));
        pauseMs = Math.min(pauseMs * 2, retryMs.most);
        queue = [...part.filter(({ publication }) => !publication.isOver), ...queue];
      }
    }
    isWorking = false;
  }

  function take(): Waiting[] {
    let bytes = 0;
    const end = queue.findIndex(({ record }, index) => {
      bytes += bytesOf([record]);
      return index >= partRecordsMax || (index > 0 && bytes > partBytesMax);
    });
    return queue.splice(0, end < 0 ? queue.length : end);
  }

  /** Rejects also when the member has left, and does not end in time. */
  function call(member: Member, part: Waiting[]): Promise<void> {
    const records = part.map(({ record }) => record);
    return new Promise((resolve, reject) => {
      member.abandon = reject;
      member.call = handleWhole(member.handle, records).then(resolve, reject);
    });
  }

  /** The records are handled when those are that the handler derived from them. */
  async function handleWhole(handle: Handle, records: IncomingRecord[]): Promise<void> {
    const own: IncomingRecord[] = [];
    derived = own;
    try {
      await handle(records);
      while (own.length > 0) await handle(own.splice(0));
    } finally {
      if (derived === own) derived = null;
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    /** Throws what `deliver` would reject with at once. */
    assertOpen,

    /** Resolves when a handler has handled the records; rejects at the deadline and when no member is left. */
    deliver,

    /**
     * Delivers what the group's own handler publishes. Waiting for it would never end: the call that publishes
     * is the one under way. So the same call is made again with these records, and only then its own are handled.
     */
    async derive(records: IncomingRecord[]): Promise<void> {
      if (derived === null) return deliver(records);
      derived.push(...records);
    },

    member(): Consumer {
      let member: Member | null = null;
      let isStopped = false;
      return {
        async start(handle) {
          if (isStopped || member !== null) return;
          member = { handle, call: Promise.resolve(), abandon: () => {} };
          members.add(member);
        },
        async stop() {
          isStopped = true;
          if (member === null || !members.delete(member)) return;
          endPause();
          const { call, abandon } = member;
          await inTime(call, stopMs).catch(() => {
            log.warn("a handler did not end in time", { group: name });
            abandon(new Error(`The handler of ${name} did not end in time.`));
          });
        },
        notReadyReason: () => null,
      };
    },
  };
}

export type Group = ReturnType<typeof createGroup>;

function bytesOf(records: IncomingRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
}
