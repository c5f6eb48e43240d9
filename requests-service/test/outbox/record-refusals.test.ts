import { describe, expect, test } from "bun:test";
import { headerNames, topics, Unavailable } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { sqliteFile } from "../adapters/sqlite/file.ts";
import { madeRefusal, newId } from "../builders.ts";
import { type Core, openedStore, testCore } from "../core.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/** As the gateway sends it. */
function refused(request_id: string, id = newId()) {
  return { id, request_id, force_error: true, failures: 3, max_failures: 2, traceparent };
}
const stored = ({ store }: Core) => store.refusals.list({ limit: 1_000 });
const lettersOf = ({ publisher }: Core) => publisher.records.map(({ headers }) => headers["dead-letter-id"]);

describe("a refused attempt", () => {
  test("becomes a dead letter in the form of an execution, payload byte for byte, and is then deleted", async () => {
    const it = testCore();
    const { id, payload_json } = await it.request({ payload_json: '{"n":9007199254740993}' });
    const attempt = refused(id);
    const { answers } = await it.commands.recordRefusals({ refusals: [attempt] });
    expect(answers).toEqual([{ kind: "recorded" }]);
    await until("it is forgotten", async () => (await stored(it)).length === 0);
    expect(it.publisher.records).toEqual([
      {
        topic: topics.deadLetters,
        key: id,
        value: `{"id":"${attempt.id}","force_error":true,"creation_date":"1970-01-01 00:00:00.000000","processing_request":{"id":"${id}","payload":${payload_json}}}`,
        headers: {
          [headerNames.schemaVersion]: "1",
          [headerNames.traceparent]: traceparent,
          [headerNames.reason]: "max_failures",
          [headerNames.deadLetterId]: attempt.id,
          [headerNames.processor]: "simulate",
          [headerNames.detail]: "Failed executions: 3, allowed: 2.",
        },
      },
    ]);
  });

  test("is acknowledged while the broker hangs, and delays no execution", async () => {
    const it = testCore();
    it.publisher.mood = "hangs";
    const { id } = await it.request();
    await it.commands.recordRefusals({ refusals: [refused(id)] });
    await it.execution();
    await until("both are being published", () => it.publisher.calls === 2);
    expect(await stored(it)).toHaveLength(1);
  });

  test("is published by another process when its own has died", async () => {
    const it = testCore();
    const { id } = await it.request();
    const left = [madeRefusal({ request_id: id }), madeRefusal({ request_id: id })];
    await it.store.refusals.insert(left);
    await it.outbox.sweep();
    await it.outbox.sweep();
    await it.outbox.flush();
    expect(lettersOf(it).toSorted()).toEqual(left.map((one) => one.id).toSorted());
    expect(await stored(it)).toEqual([]);
  });

  test("delays no other and no execution when the broker never accepts it", async () => {
    const it = testCore();
    const { id } = await it.request();
    const never = refused(id);
    const other = refused(id);
    it.publisher.refuses = ({ headers }) => headers[headerNames.deadLetterId] === never.id;
    await it.commands.recordRefusals({ refusals: [never, other] });
    const execution = await it.execution();
    await it.outbox.flush();
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow(Unavailable);
    await it.outbox.flush();
    expect(it.publisher.records.map(({ value }) => JSON.parse(String(value)).id).toSorted()).toEqual(
      [execution.id, other.id].toSorted(),
    );
    expect((await stored(it)).map((one) => one.id)).toEqual([never.id]);
  });

  test("is neither acknowledged nor published when it cannot be stored", async () => {
    const it = testCore();
    const { id } = await it.request();
    it.store.refusals.insert = async () => {
      throw new Unavailable("away");
    };
    await expect(it.commands.recordRefusals({ refusals: [refused(id)] })).rejects.toThrow(Unavailable);
    await it.outbox.flush();
    expect(it.publisher.records).toEqual([]);
  });
});

test("100 refused attempts at a payload of 512 KiB grow the database by less than 100 KB", async () => {
  const file = sqliteFile();
  const it = testCore({ store: openedStore(file) });
  const { id } = await it.request({ payload_json: `"${"x".repeat(512 * 1024 - 2)}"` });
  const bytes = () =>
    file.db
      .query<{ bytes: number }, []>(
        "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
      )
      .get()?.bytes ?? 0;
  it.publisher.mood = "away";
  const before = bytes();
  for (let count = 0; count < 100; count++) await it.commands.recordRefusals({ refusals: [refused(id)] });
  expect(await stored(it)).toHaveLength(100);
  const grown = bytes() - before;
  expect(grown).toBeGreaterThan(0);
  expect(grown).toBeLessThan(100_000);
});
