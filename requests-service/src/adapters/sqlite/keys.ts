import type { Keys, StoredKey } from "../../keys/port.ts";
import { change, insertInto, one, type SqliteAccess } from "./access.ts";
import { type Row, recordOf } from "./schema.ts";

const insert = insertInto("idempotency_keys", "hash, request_id, execution_id, body_hash, at");
const byHash = "SELECT hash, request_id, execution_id, body_hash FROM idempotency_keys WHERE hash = $hash";

export function sqliteKeys({ read, write, writeEach }: SqliteAccess, now: () => number): Keys {
  return {
    insert: writeEach((db, key) => {
      const { hash, request_id, execution_id = null, body_hash } = key;
      const isFree = change(db, insert, { hash, request_id, execution_id, body_hash, at: now() }) === 1;
      return isFree ? key : recordOf<StoredKey>(one<Row<StoredKey>>(db, byHash, { hash }) as Row<StoredKey>);
    }),
    get: read((db, hashes) => {
      const rows = hashes.flatMap((hash) => one<Row<StoredKey>>(db, byHash, { hash }) ?? []);
      return new Map(rows.map((row) => [row.hash, recordOf<StoredKey>(row)]));
    }),
    removeBefore: write((db, instant, limit) => {
      const sql = `DELETE FROM idempotency_keys WHERE hash IN
                     (SELECT hash FROM idempotency_keys WHERE at < $instant ORDER BY at LIMIT $limit)`;
      return change(db, sql, { instant, limit });
    }),
  };
}
