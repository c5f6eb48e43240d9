import { afterAll, beforeEach, expect, test } from "bun:test";
import { createCounters } from "@sate/contracts/runtime";
import { testServers } from "@sate/contracts/test/support/servers.ts";
import { mongoStore } from "@sate/requests-service/mongo";
import { MongoClient } from "mongodb";
import { until } from "../../../contracts/test/until.ts";
import { Failure } from "../../src/move/command/failure.ts";
import { createProgress } from "../../src/move/command/progress.ts";
import { runMove } from "../../src/move/command/run.ts";
import { movedTables } from "../../src/move/tables.ts";
import { starting } from "../process.ts";

const servers = await testServers();
const { started } = starting();
const clients: MongoClient[] = [];
afterAll(() => Promise.all(clients.map((client) => client.close())));

if (servers.kind === "running") {
  const { requestsMongoUrl, resultsMongoUrl } = servers;
  let urls = newDatabases();
  beforeEach(() => {
    urls = newDatabases();
  });

  /** New databases on the servers, and the collections of the first. */
  function newDatabases() {
    const named = (url: string, name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
    const name = Bun.randomUUIDv7();
    const requestsUrl = named(requestsMongoUrl, `move-requests-${name}`);
    const client = new MongoClient(requestsUrl);
    clients.push(client);
    const collection = (of: string) => client.db().collection<{ _id: string }>(of);
    return { requestsUrl, resultsUrl: named(resultsMongoUrl, `move-results-${name}`), collection };
  }

  /** A standalone in which two requests have succeeded, and one is stored. */
  async function usedStandalone(env: Record<string, string> = {}) {
    const it = started({ PROCESSING_SECONDS: "0", CONFIRM_SECONDS: "0.1", ...env });
    const from = await it.ready();
    const create = async () => (await it.ask("/requests", { payload: 1 })).json.id;
    for (const id of [await create(), await create()]) {
      await it.ask(`/requests/${id}/executions`, {});
      await until(
        "it has ended",
        async () => (await it.ask(`/requests/${id}/results`)).json.results.length === 1,
      );
    }
    await create();
    const settled = async () =>
      ((await (await fetch(`${from}/move/tables/executions?settled=1`)).json()) as { count: number }).count;
    await until("both results are confirmed", async () => (await settled()) === 2);
    return { ...it, from };
  }

  const quiet = () => createProgress({ write: () => {} }, () => performance.now());
  const move = ({ from }: { from: string }, copyOnly = false) =>
    runMove({ from, key: undefined, copyOnly, ...urls }, quiet());
  const failureOf = (moving: Promise<unknown>) =>
    moving.then(
      () => "none",
      (error) => (error instanceof Failure ? [error.exitCode, error.message] : error),
    );
  const storeOpens = () => {
    const store = mongoStore({ url: urls.requestsUrl, counters: createCounters() });
    return store
      .open()
      .then(
        () => true,
        () => false,
      )
      .finally(store.close);
  };

  test("everything is moved and compared; until the end requests-service does not start on it", async () => {
    const it = await usedStandalone();
    expect(await move(it, true)).toEqual({ kind: "copied" });
    expect((await it.ask("/ready")).status).toBe(200);
    expect(await storeOpens()).toBe(false);
    const moved = await move(it);
    const compared = moved.kind === "moved" ? moved.compared : [];
    expect(compared).toHaveLength(movedTables.length);
    const counts = { requests: 3, executions: 2, results: 2, processors: 1 };
    for (const { name, count, source, target } of compared) {
      expect([name, count]).toEqual([name, counts[name as keyof typeof counts] ?? 0]);
      expect(target).toBe(source);
    }
    expect(await storeOpens()).toBe(true);
    expect(await move(it)).toEqual({ kind: "moved", compared: [] });
  }, 60_000);

  test("what has changed in the source since it was copied is changed, what it has deleted is deleted", async () => {
    const it = await usedStandalone();
    await move(it, true);
    const logs = urls.collection("logs");
    const [execution] = await urls.collection("executions").find().toArray();
    await logs.insertOne({
      _id: `${execution?._id}:1:0`,
      key: execution?._id,
      epoch: 1,
      sequence: 0,
      text: "x",
    } as never);
    await urls.collection("requests").deleteMany({});
    await move(it);
    expect(await logs.countDocuments()).toBe(0);
    expect(await urls.collection("requests").countDocuments()).toBe(3);
  }, 60_000);

  test("a different record under a key of the source ends the move, and is named", async () => {
    const it = await usedStandalone();
    await move(it, true);
    const executions = urls.collection("executions");
    const [first] = await executions.find().sort({ _id: 1 }).toArray();
    await executions.updateOne({ _id: first?._id as string }, { $set: { epoch: 7 } });
    const problem = `executions: the record with the key ${first?._id} is not that of the source. Another program has written to the databases.`;
    expect(await failureOf(move(it))).toEqual([1, problem]);
    expect(await storeOpens()).toBe(false);
    await executions.updateOne({ _id: first?._id as string }, { $set: { epoch: 1 } });
    expect(await move(it)).toMatchObject({ kind: "moved" });
  }, 60_000);

  test("a record that the source cannot have had ends the move, and is named", async () => {
    const it = await usedStandalone();
    await move(it, true);
    await urls.collection("requests").insertOne({ _id: "ffff", payload: "1", creation_date: "" } as never);
    const [code, problem] = await failureOf(move(it));
    expect([code, problem]).toEqual([1, expect.stringContaining("requests: the record with the key ffff")]);
  }, 60_000);

  test("databases that are in use, or that contain another move, are refused", async () => {
    const it = await usedStandalone();
    await urls.collection("requests").insertOne({ _id: "a" });
    expect(await failureOf(move(it))).toEqual([
      78,
      "The databases are not empty: requests has documents. Use empty ones.",
    ]);
    urls = newDatabases();
    await move(it, true);
    const [code, problem] = await failureOf(move(await usedStandalone()));
    expect([code, problem]).toEqual([78, expect.stringContaining("contain data from another move")]);
  }, 60_000);

  test("a key without the scope admin is refused", async () => {
    const sha256 = new Bun.CryptoHasher("sha256").update("secret").digest("hex");
    const it = started({ API_KEYS: `a:read+submit:${sha256}` });
    const options = { from: await it.ready(), key: "secret", copyOnly: true, ...urls };
    const [code, problem] = await failureOf(runMove(options, quiet()));
    expect([code, problem]).toEqual([77, expect.stringContaining("does not have the `admin` scope")]);
  }, 60_000);
}
