import type { Database } from "bun:sqlite";

/** Adds those that the table lacks. A table that is missing gets them when it is created. */
export function addColumns(db: Database, table: string, columns: Record<string, string>): void {
  if (!hasTable(db, table)) return;
  const found = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?)").all(table);
  const names = new Set(found.map(({ name }) => name));
  for (const [name, type] of Object.entries(columns)) {
    if (!names.has(name)) db.run(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
  }
}

export function hasTable(db: Database, name: string): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== null;
}
