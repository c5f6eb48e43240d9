import { fitting } from "@sate/contracts/runtime";
import { chunkBytes, type Logs, type StoredChunk } from "../../logs/port.ts";
import { change, insertInto, one, type SqliteAccess } from "./access.ts";

const insert = insertInto(
  "logs",
  "request_id, attempt, epoch, sequence, execution_id, text, total, written_at",
);
const ofExecution = "request_id = $request_id AND attempt = $attempt";

/** Before the first chunk of an execution. */
const start = { epoch: 0, sequence: 0 };

export function sqliteLogs({ read, write, changeEach }: SqliteAccess, now: () => number): Logs {
  return {
    totalsBefore: read((db, chunks) => {
      const ofRun = `SELECT sequence, total FROM logs WHERE ${ofExecution} AND epoch = $epoch`;
      type Found = Pick<StoredChunk, "sequence" | "total">;
      return chunks.map((chunk) => {
        if (chunk.sequence === 0) return 0;
        const before = one<Found>(db, `${ofRun} AND sequence = $sequence - 1`, chunk);
        const last = before ?? one<Found>(db, `${ofRun} ORDER BY sequence DESC LIMIT 1`, chunk);
        if (last === null) return 0;
        return last.sequence < chunk.sequence ? last.total : null;
      });
    }),
    append: changeEach((db, chunk) => change(db, insert, { ...chunk, written_at: now() })),
    read: read((db, { epoch = null, after, limit, bytesMax, ...execution }) => {
      const sql = `SELECT * FROM logs
                   WHERE ${ofExecution} AND ($epoch IS NULL OR +epoch = $epoch)
                     AND (epoch, sequence) > ($afterEpoch, $afterSequence)
                   ORDER BY epoch, sequence LIMIT $limit`;
      const position = { afterEpoch: after?.epoch ?? 0, afterSequence: after?.sequence ?? 0 };
      const chunks: StoredChunk[] = [];
      const fits = fitting({ itemsMax: limit, sizeMax: bytesMax, sizeOf: chunkBytes });
      const rows = db.query<StoredChunk, [never]>(sql);
      for (const row of rows.iterate({ ...execution, epoch, ...position, limit: limit + 1 } as never)) {
        if (!fits(row)) return { chunks, isCut: true };
        chunks.push(row);
      }
      return { chunks, isCut: false };
    }),
    follow: read((db, executions, { bytesEach, bytesMax }) => {
      const sql = `SELECT * FROM logs WHERE ${ofExecution} AND (epoch, sequence) > ($epoch, $sequence)
                   ORDER BY epoch, sequence`;
      const rows = db.query<StoredChunk, [never]>(sql);
      let bytesLeft = bytesMax;
      return executions.map(({ request_id, attempt, after = start }) => {
        if (bytesLeft <= 0) return { chunks: [], isCut: true };
        const chunks: StoredChunk[] = [];
        const fits = fitting({ sizeMax: bytesEach, sizeOf: chunkBytes });
        for (const row of rows.iterate({ request_id, attempt, ...after } as never)) {
          if (!fits(row)) return { chunks, isCut: true };
          bytesLeft -= chunkBytes(row);
          chunks.push(row);
        }
        return { chunks, isCut: false };
      });
    }),
    removeBefore: write((db, instant, limit) => {
      const sql = `DELETE FROM logs WHERE rowid IN
                     (SELECT rowid FROM logs WHERE written_at < $instant ORDER BY written_at LIMIT $limit)`;
      return change(db, sql, { instant, limit });
    }),
  };
}
