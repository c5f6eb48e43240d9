import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../../contracts/test/until.ts";
import { starting } from "../process.ts";
import { open, opened } from "./opened.ts";

/**
 * The dump of a data folder that 0.1.0 wrote, killed between the dead letter of a refused attempt and its response: a
 * success, a request with three failures, two refused attempts of it of which one was read, and one more success.
 */
const release010 = readFileSync(join(import.meta.dir, "fixtures/0.1.0.sql"), "utf8");
const { started, newFolder } = starting();

/** A folder of 0.1.0, and what `sql` makes of it. */
function folderOf(sql = ""): string {
  const folder = newFolder();
  using db = new Database(join(folder, "sate.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(release010);
  if (sql !== "") db.run(sql);
  return folder;
}

const tablesOf = (db: Database) =>
  db
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => name);

test("a dead letter that only its log had is kept as results-listener would have kept it", () => {
  const file = opened(folderOf());
  const letters = file.db
    .query<Record<string, unknown>, []>(
      `SELECT *, CAST("key" AS TEXT) AS "key", json(CAST(value AS TEXT)) AS value FROM dead_letters ORDER BY "offset"`,
    )
    .all();
  expect(letters).toHaveLength(2);
  const [read, unread] = letters;
  // Both are refused attempts of one request: only what tells them apart differs.
  for (const field of ["_id", "time", "offset"]) expect(unread?.[field]).not.toBe(read?.[field]);
  expect(unread).toMatchObject({
    reason: "max_failures",
    partition: 0,
    offset: "1",
    origin_topic: null,
    cut: "The payload was omitted: it is stored with its request.",
    key: read?.key,
    value: expect.stringMatching(/"processing_request":\{"id":"[^"]+"\}/),
  });
  expect(tablesOf(file.db)).toEqual(["dead_letters", "executions", "requests", "results"]);
  file.close();
});

test("everything else is there, an outcome without its result gets it soon, and it opens again", async () => {
  const folder = folderOf(`
    DELETE FROM results WHERE payload = '"cut"';
    UPDATE executions SET mark = 'confirm' WHERE request_id = (SELECT id FROM requests WHERE payload = '"cut"');`);
  const it = started({ DATA_DIR: folder, CONFIRM_SECONDS: "3600" });
  await it.ready();
  const { requests } = (await it.ask("/requests?limit=10")).json;
  const resultsOf = async (payload: unknown) => {
    const { id } = requests.find((request) => Bun.deepEquals(request.payload, payload)) ?? { id: "none" };
    return (await it.ask(`/requests/${id}/results`)).json.results;
  };
  expect(await resultsOf({ message: "ping" })).toMatchObject([{ is_success: true }]);
  expect(await resultsOf({ fails: true })).toMatchObject(Array(3).fill({ is_success: false }));
  await until("the missing result is there", async () => (await resultsOf("cut")).length === 1);
  it.child.kill("SIGTERM");
  await it.ended();
  opened(folder).close();
}, 20_000);

test("an upgrade that cannot be finished changes nothing", () => {
  const folder = folderOf(`UPDATE records SET headers = 'no JSON' WHERE topic = 'dead_letter_queue'`);
  expect(open(folder)).toMatchObject({ kind: "refused" });
  using db = new Database(join(folder, "sate.db"));
  expect(db.query("PRAGMA user_version").get()).toEqual({ user_version: 0 });
  expect(db.query("SELECT count(*) AS n FROM dead_letters").get()).toEqual({ n: 1 });
  expect(tablesOf(db)).toContain("records");
});
