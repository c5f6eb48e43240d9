import {
  type Consumer,
  type IncomingRecord,
  type OutgoingRecord,
  type Publisher,
  type Topic,
  Unavailable,
} from "@sate/contracts";
import type { Log } from "@sate/contracts/runtime";
import { createGroup, type Group, type Limits } from "./group.ts";

const defaults: Limits = { publishMs: 8_000, bytesMax: 128 * 1024 * 1024 };

/**
 * The broker of standalone: it hands records to the consumer groups in memory and stores nothing. `publish`
 * resolves when every group that reads the topic has handled the records, which is when what follows from them is
 * committed. It rejects while a group is not running, after a deadline, and when the group stops. A record of a
 * topic that no group reads is dropped.
 *
 * Why nothing is lost at a `kill -9`, or when `publish` rejects. Every record but one kind is made from an outbox
 * mark in the database, and the mark stands until `publish` has resolved:
 *
 * - Before or while a group handles the record: the mark stands, and the sweep publishes it again.
 * - After the handler has committed, before the mark is cleared: it is published once more, and the handler
 *   finds that it is done (a claim is refused, a result is repeated).
 * - After the mark is cleared: the consequences were committed before. A wake-up that the processor has no room for
 *   has none: the execution stands queued in the database, which the processor asks when it has room.
 *
 * The other kind are dead letters of records that a consumer cannot read. Our own code makes and reads all
 * records here, so only a bug, or a limit that a later version lowers, makes one. A dead letter is
 * published by the handler of the record that caused it:
 *
 * - The processor awaits that results-listener has stored it, so its own record is handled after that.
 * - results-listener publishes to its own group and would wait for itself. Its dead letters are handed to it
 *   in the same call (see `derive`), so the record that caused them is handled, and its mark cleared, only after
 *   they are stored. Killed in between, the mark stands, and the dead letter is made again, under a new id.
 */
export function createBroker<Name extends string>(
  declared: Record<Name, readonly Topic[]>,
  parts: { log: Log; limits?: Partial<Limits> },
) {
  const limits = { ...defaults, ...parts.limits };
  const groups = Object.fromEntries(
    Object.keys(declared).map((name) => [name, createGroup(name, { log: parts.log, limits })]),
  ) as Record<Name, Group>;
  // Ids of dead letters are made of offset and time, and must not recur after a restart, whatever the clock says.
  let published = Math.floor(Math.random() * 2 ** 40);

  async function publish(records: OutgoingRecord[], within: Name | undefined): Promise<void> {
    const timestamp = String(Date.now());
    const incoming = records.map((record) =>
      incomingOf(record, { partition: 0, offset: String(published++), timestamp }),
    );
    const deliveries = (Object.keys(declared) as Name[]).map(async (name) => {
      const share = incoming.filter(({ topic }) => declared[name].some((own) => own === topic));
      if (share.length === 0) return;
      await (name === within ? groups[name].derive(share) : groups[name].deliver(share));
    });
    await Promise.all(deliveries);
  }

  return {
    consumer: (name: Name): Consumer => groups[name].member(),

    /** `within`: the group whose handler publishes with it. Every failure is an `Unavailable`. */
    publisher({ within }: { within?: Name } = {}): Publisher {
      let isClosed = false;
      return {
        async open() {},
        async ping() {},
        async publish(records) {
          if (isClosed) throw new Unavailable("The publisher is closed.");
          try {
            await publish(records, within);
          } catch (cause) {
            throw new Unavailable("The records could not be delivered.", { cause });
          }
        },
        async close() {
          isClosed = true;
        },
      };
    },
  };
}

/** A record as consumers receive it from this position. */
export function incomingOf(
  { topic, key, value, headers }: OutgoingRecord,
  position: Pick<IncomingRecord, "partition" | "offset" | "timestamp">,
): IncomingRecord {
  const entries = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]);
  return {
    topic,
    ...position,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: Object.fromEntries(entries),
  };
}

function bytesOf(value: string | Uint8Array | null): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value) : value;
}
