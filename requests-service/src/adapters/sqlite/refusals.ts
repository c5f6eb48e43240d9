import type { Refusal, RefusalKey, Refusals } from "../../ports.ts";
import type { SqliteAccess } from "./access.ts";

type Row = Omit<Refusal, "force_error" | "traceparent"> & { force_error: number; traceparent: string | null };

export function sqliteRefusals({ read, writeEach }: SqliteAccess): Refusals {
  const insertEach = writeEach((db) => {
    const insert = db.query(
      `INSERT INTO refusals (request_id, id, force_error, creation_date, traceparent, failures, max_failures)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    return ({ request_id, id, force_error, creation_date, ...rest }: Refusal) => {
      const { traceparent, failures, max_failures } = rest;
      insert.run(request_id, id, force_error, creation_date, traceparent ?? null, failures, max_failures);
    };
  });
  const removeEach = writeEach((db) => {
    const remove = db.query("DELETE FROM refusals WHERE request_id = ? AND id = ?");
    return ({ request_id, id }: RefusalKey) => remove.run(request_id, id);
  });

  return {
    insert: async (wanted) => void (await insertEach(wanted)),
    list: read((db, { after, limit }) => {
      const rows = db
        .query<Row, [string, string, number]>(
          "SELECT * FROM refusals WHERE (request_id, id) > (?, ?) ORDER BY request_id, id LIMIT ?",
        )
        .all(after?.request_id ?? "", after?.id ?? "", limit);
      return rows.map(refusalOf);
    }),
    remove: async (keys) => void (await removeEach(keys)),
  };
}

function refusalOf({ traceparent, ...row }: Row): Refusal {
  return { ...row, force_error: row.force_error === 1, ...(traceparent !== null && { traceparent }) };
}
