import { createDigest } from "../canonical.ts";
import { type MovedTable, movedTables } from "../tables.ts";
import { different, type Ends, insertAll } from "./copy.ts";
import { Failure } from "./failure.ts";
import type { Source } from "./source.ts";
import type { Range, Target } from "./target.ts";

/** A table: the number of its records, and a hash of all of them in the order of their keys, as read from each side. */
export type Compared = { name: string; count: number; source: string; target: string };

/**
 * Makes the target the same as the sealed source, page by page, and returns what both then have. A page that was copied
 * before is only compared. Rejects with a `Failure` that names the table and the key if the target has a record that it
 * cannot have.
 */
export async function compareAll({ source, target, progress }: Ends): Promise<Compared[]> {
  const compared: Compared[] = [];
  for (const table of movedTables) {
    progress.at(`comparing ${table.name}`);
    const sides = { source: createDigest(), target: createDigest() };
    let count = 0;
    for await (const pair of pairsOf(source, target, table)) {
      sides.source.add(pair.source.digest);
      sides.target.add(pair.target.digest);
      count += pair.source.count;
      progress.add(pair.source.count);
    }
    compared.push({ name: table.name, count, source: sides.source.value(), target: sides.target.value() });
  }
  return compared;
}

type Side = { count: number; digest: string };

/** The digest of each page, from both sides, after the target's was made the same. */
async function* pairsOf(source: Source, target: Target, table: MovedTable) {
  let after: string | undefined;
  let lastKey: string | undefined;
  for (;;) {
    const page = await source.digest(table.name, after);
    // After the last page nothing may follow in the target.
    const range = { after: lastKey, through: page.next === undefined ? undefined : page.through };
    let own: Side = await target.digest(table, range);
    if (!isSame(own, page)) {
      await makeSame(target, table, {
        range,
        records: (await source.records(table.name, { after })).records,
      });
      own = await target.digest(table, range);
      if (!isSame(own, page)) throw stillDifferent(table, range);
    }
    yield { source: page as Side, target: own };
    if (page.next === undefined) return;
    after = page.next;
    lastKey = page.through;
  }
}

const isSame = (one: Side, other: Side) => one.count === other.count && one.digest === other.digest;

async function makeSame(
  target: Target,
  table: MovedTable,
  { range, records }: { range: Range; records: object[] },
): Promise<void> {
  const wanted = new Set(records.map((record) => table.document(record)._id));
  const extra = [...(await target.texts(table, range)).keys()].filter((key) => !wanted.has(key));
  const [first] = extra;
  if (first !== undefined && !table.isPruned) throw different(table, first);
  if (first !== undefined) await target.remove(table, extra);
  await insertAll(target, table, records);
}

function stillDifferent({ name }: MovedTable, { after = "the first", through = "the last" }: Range): Failure {
  return new Failure(
    `${name}: the records that were written are not those that are read back, from the key ${after} to ${through}.`,
    1,
  );
}
