import { type MovedTable, movedTables } from "../tables.ts";
import { Failure } from "./failure.ts";
import type { Progress } from "./progress.ts";
import type { RecordsPage, Source } from "./source.ts";
import type { Target } from "./target.ts";

export type Ends = { source: Source; target: Target; progress: Progress };

/**
 * Copies what no longer changes, while the source is in use. The position is stored in the target after each page, so an
 * interrupted copy continues there. A page that is copied again changes nothing.
 */
export async function copySettled({ source, target, progress }: Ends): Promise<void> {
  for (const table of movedTables) {
    if (!table.isSettled) continue;
    const { after, isCopied } = await target.position(table);
    if (isCopied) continue;
    progress.at(`copying ${table.name}`);
    for await (const { page, next } of pagesOf(source, table, after)) {
      await insertAll(target, table, page.records);
      await target.setPosition(table, { after: next, isCopied: next === undefined });
      progress.add(page.count);
    }
  }
}

/** Each page is read while the one before it is stored. */
async function* pagesOf(source: Source, table: MovedTable, after: string | undefined) {
  const read = (from: string | undefined) => source.records(table.name, { after: from, settled: true });
  for (let reading: Promise<RecordsPage> | undefined = read(after); reading; ) {
    const page: RecordsPage = await reading;
    const { next } = page;
    reading = next === undefined ? undefined : read(next);
    // It is awaited in the next round; until then its rejection is not unhandled.
    reading?.catch(() => {});
    yield { page, next };
  }
}

/**
 * Inserts these records. One that is stored already stays, and one that a record may replace is replaced. Rejects with a
 * `Failure` if another record has the same key.
 */
export async function insertAll(target: Target, table: MovedTable, records: object[]): Promise<void> {
  for (const record of await target.insert(table, records)) {
    if (!table.isPruned && !table.replaces?.(record)) throw different(table, table.document(record)._id);
    await target.replace(table, record);
  }
}

export function different({ name }: MovedTable, key: string): Failure {
  return new Failure(
    `${name}: the record with the key ${key} is not that of the source. Another program has written to the databases.`,
    1,
  );
}
