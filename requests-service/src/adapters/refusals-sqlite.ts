import type { Refusal, RefusalKey, Refusals } from "../ports.ts";
import type { SqliteAccess } from "./runs-sqlite.ts";

type Row = Omit<Refusal, "force_error" | "traceparent"> & { force_error: number; traceparent: string | null };

/** The `Refusals` of a store on SQLite. */
export function sqliteRefusals({ read, writeAll }: SqliteAccess): Refusals {
  const insertAll = writeAll((db, wanted: Refusal[]) => {
    const insert = db.query(
      `INSERT INTO refusals (request_id, id, force_error, creation_date, traceparent, failures, max_failures)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    return wanted.map(({ request_id, id, force_error, creation_date, traceparent, failures, max_failures }) =>
      insert.run(
        request_id,
        id,
        force_error ? 1 : 0,
        creation_date,
        traceparent ?? null,
        failures,
        max_failures,
      ),
    );
  });
  const removeAll = writeAll((db, keys: RefusalKey[]) => {
    const remove = db.query("DELETE FROM refusals WHERE request_id = ? AND id = ?");
    return keys.map(({ request_id, id }) => remove.run(request_id, id));
  });

  return {
    insert: async (wanted) => void (await insertAll(wanted)),
    list: read((db, { after, limit }) => {
      const rows = db
        .query<Row, [string, string, number]>(
          "SELECT * FROM refusals WHERE (request_id, id) > (?, ?) ORDER BY request_id, id LIMIT ?",
        )
        .all(after?.request_id ?? "", after?.id ?? "", limit);
      return rows.map(refusalOf);
    }),
    remove: async (keys) => void (await removeAll(keys)),
  };
}

function refusalOf({ traceparent, ...row }: Row): Refusal {
  return { ...row, force_error: row.force_error === 1, ...(traceparent !== null && { traceparent }) };
}
