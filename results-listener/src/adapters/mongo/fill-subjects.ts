import { type DeadLetterDocument, subjectOfStored } from "@sate/contracts";
import { Binary, type Collection } from "mongodb";

const pageSize = 200;
/** Later versions store `null` where a dead letter is about no request. */
const unfilled = { request_id: { $exists: false } };

/**
 * Version 0.1.0 stored dead letters without what they are about, by which a removal finds them. Gives it to all that lack
 * it. May be repeated, and done by several processes at once.
 */
export async function fillSubjects(deadLetters: Collection<DeadLetterDocument>): Promise<void> {
  for (;;) {
    const found = await deadLetters
      .find(unfilled, { projection: { _id: 1 } })
      .limit(pageSize)
      .toArray();
    if (found.length === 0) return;
    // One by one: a document may have 16 MiB.
    for (const { _id } of found) {
      const stored = await deadLetters.findOne({ _id });
      if (stored === null) continue;
      const { key, value, ...rest } = stored;
      const subject = subjectOfStored({ ...rest, key: plain(key), value: plain(value) });
      await deadLetters.updateOne({ _id, ...unfilled }, { $set: subject });
    }
  }
}

/** The driver reads bytes as its own class. */
function plain(bytes: Uint8Array | Binary | null): Uint8Array | null {
  return bytes instanceof Binary ? bytes.value() : bytes;
}
