import { expect, test } from "bun:test";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { named, testGateway } from "../support/gateway.ts";
import { claimedRun, queued, remoteWorker } from "../support/worker.ts";

const made = {
  any: newKey("any", ["work"]),
  one: newKey("one", ["work:transcode"]),
  two: newKey("two", ["work:transcode", "work:resize", "read"]),
  client: newKey("client", ["read", "submit"]),
  admin: newKey("admin", ["admin"]),
};
const { keys } = readKeys(
  Object.values(made)
    .map(({ entry }) => entry)
    .join("\n"),
  "keys",
);
const as = (name: keyof typeof made) => ({ authorization: `Bearer ${made[name].key}` });
const register = (gateway: ReturnType<typeof testGateway>, name: keyof typeof made, processors: string[]) =>
  gateway.post("/workers", JSON.stringify({ processors: processors.map((one) => ({ name: one })) }), {
    "content-type": "application/json",
    ...as(name),
  });

test("a key limited to processors announces only these", async () => {
  const gateway = testGateway({ apiKeys: keys });
  const allowed: [key: keyof typeof made, processors: string[], status: number][] = [
    ["any", ["anything"], 201],
    ["admin", ["anything"], 201],
    ["one", ["transcode"], 201],
    ["one", ["transcode", "resize"], 403],
    ["one", ["transcode2"], 403],
    ["two", ["resize", "transcode"], 201],
    ["client", ["transcode"], 403],
  ];
  for (const [key, processors, status] of allowed) {
    const answer = await register(gateway, key, processors);
    expect([key, processors, answer.status]).toEqual([key, processors, status]);
    if (status === 403) expect(named(answer)[1]).toBe("forbidden");
  }
});

test("a worker belongs to the key that registered it: with another key its id is unknown", async () => {
  const gateway = testGateway({ apiKeys: keys });
  const worker = await remoteWorker(gateway, [{ name: "transcode" }], as("one"));
  const id = await queued(gateway, "transcode", "1", as("client"));
  for (const other of ["two", "any", "admin"] as const) {
    expect(named(await worker.claim({}, as(other)))).toEqual([410, "worker-gone"]);
    expect((await worker.end(as(other))).status).toBe(204);
  }
  const run = await claimedRun(worker);
  expect(named(await worker.finish(run, { outputs: 1 }, as("two")))).toEqual([410, "worker-gone"]);
  expect(gateway.requests.last(id).status).toBe("running");
  expect((await worker.finish(run, { outputs: 1 })).json).toMatchObject({ status: "stored" });
});

test("a key that has lost a processor claims and ends no runs of it any more", async () => {
  const gateway = testGateway({ apiKeys: keys });
  const worker = await remoteWorker(gateway, [{ name: "transcode" }, { name: "resize" }], as("two"));
  await queued(gateway, "resize", "1", as("client"));
  const run = await claimedRun(worker);
  await queued(gateway, "resize", "2", as("client"));
  const key = keys.find(({ name }) => name === "two") as (typeof keys)[number];
  const before = key.processors as string[];
  Object.assign(key, { processors: ["transcode"] });
  expect((await worker.claim()).status).toBe(204);
  expect((await worker.finish(run, { outputs: 1 })).json).toMatchObject({ status: "unknown" });
  Object.assign(key, { processors: before });
});

test("the log records who registered a worker, and not its claims", async () => {
  const gateway = testGateway({ apiKeys: keys });
  const worker = await remoteWorker(gateway, [{ name: "transcode" }], as("one"));
  await worker.claim();
  const warned = gateway.lines.filter((line) => line.includes('"level":"warn"'));
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain('"key":"one"');
});
