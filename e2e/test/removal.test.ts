import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { topics } from "@sate/contracts";
import { walk } from "../src/clients/walk.ts";
import { kafkaLog } from "../src/system/kafka.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();
const since = new Date().toISOString();
const remove = (id: string) => client.ask("DELETE", `/requests/${id}`);

/** A request with a failed and a successful execution whose results are recorded. */
async function ended(payload: unknown) {
  const id = await client.createRequest(payload, "pong");
  const failed = (await client.execute(id, { force_error: true })).json.id;
  await client.results(id, 1);
  const succeeded = (await client.execute(id)).json.id;
  await client.results(id, 2);
  return { id, executions: [failed, succeeded] };
}

async function removed(id: string): Promise<void> {
  await until(`${id} is removed`, 60_000, async () => (await remove(id)).status === 204);
}

async function expectGone({ id, executions }: { id: string; executions: string[] }): Promise<void> {
  const ofExecutions = executions.flatMap((execution) =>
    ["", "/results", "/log"].map((path) => `/executions/${execution}${path}`),
  );
  for (const path of ["", "/executions", "/results", ...ofExecutions]) {
    const { status, json } = await client.get(`/requests/${id}${path}`);
    expect([path, status, json.type]).toEqual([path, 410, "urn:sate:problem:request-removed"]);
  }
  for (const path of ["", ...executions.map((execution) => `/${execution}/cancel`)]) {
    expect((await client.post(`/requests/${id}/executions${path}`)).status).toBe(410);
  }
  expect(
    (await walk(client, "requests", `limit=100&since=${since}`)).map((request) => request.id),
  ).not.toContain(id);
}

test("a removed request is gone with everything of it, and a repetition is harmless", async () => {
  const [mine, other] = [await ended({ mine: true }), await ended({ mine: false })];
  await client.get(`/requests/${mine.id}`);
  await removed(mine.id);
  expect((await remove(mine.id)).status).toBe(204);
  await expectGone(mine);
  expect((await client.get(`/requests/${other.id}`)).json.payload).toEqual({ mine: false });
  expect(await client.results(other.id, 2)).toHaveLength(2);
});

test("a request that never ran is removed, and an unknown one is not found", async () => {
  const id = await client.createRequest(1);
  await removed(id);
  await expectGone({ id, executions: [] });
  expect((await remove(crypto.randomUUID())).status).toBe(404);
});

test("while an execution is active the removal is refused with a link to it, and nothing is removed", async () => {
  const id = await client.createRequest({ kept: true });
  const start_after = new Date(Date.now() + 3_600_000).toISOString();
  const { json } = await client.execute(id, { start_after });
  const refused = await remove(id);
  expect([refused.status, refused.json.type]).toEqual([409, "urn:sate:problem:execution-active"]);
  expect(refused.json.execution_uri).toEndWith(`/requests/${id}/executions/${json.id}`);
  expect((await client.get(`/requests/${id}`)).json.payload).toEqual({ kept: true });
  await client.post(`/requests/${id}/executions/${json.id}/cancel`);
  await client.results(id);
  await removed(id);
});

test("of 50 creations and removals at once, either one execution is active or the request is removed", async () => {
  const id = await client.createRequest(1, "pong");
  const failed = (await client.execute(id, { force_error: true })).json.id;
  await client.results(id);
  const statuses = await Promise.all(
    Array.from({ length: 50 }, async (_, index) =>
      index % 2 ? (await client.execute(id)).status : (await remove(id)).status,
    ),
  );
  const created = statuses.filter((status) => status === 201).length;
  expect(created).toBeLessThanOrEqual(1);
  if (created === 1) await client.results(id, 2);
  await removed(id);
  await expectGone({ id, executions: [failed] });
}, 60_000);

if (system.kind === "standalone") {
  test("nothing of a removed payload is left in the data folder, once its write-ahead log is written back", async () => {
    const secret = `secret ${crypto.randomUUID()}`;
    const { id } = await ended({ secret });
    const isInFolder = () =>
      readdirSync(system.dataDir)
        .filter((name) => name.startsWith("sate.db"))
        .some((name) => readFileSync(join(system.dataDir, name)).includes(secret));
    expect(isInFolder()).toBe(true);
    await removed(id);
    // A log of a thousand pages is written back, and then written over from its beginning.
    await until("it is gone", 120_000, async () => {
      await client.createRequest("x".repeat(400_000));
      return !isInFolder();
    });
  }, 150_000);
} else {
  test("redelivering every record brings nothing of a removed request back", async () => {
    const gone = await ended({ redelivered: true });
    await removed(gone.id);
    const log = kafkaLog(system.kafka());
    let redelivered = 0;
    for (const topic of Object.values(topics)) {
      const records = (await log.read(topic)).filter(({ key }) => String(key) === gone.id);
      redelivered += records.length;
      await log.publish(topic, [...records, ...records]);
    }
    expect(redelivered).toBeGreaterThanOrEqual(4);
    // These come after them, on every partition: when they are processed, the redelivered ones are too.
    await Promise.all(Array.from({ length: 40 }, (_, after) => ended({ after })));
    await expectGone(gone);
  }, 120_000);
}
