import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { json, named, type TestGateway, testGateway } from "../support/gateway.ts";

type Fields = Record<string, unknown>;
const hourly = { cron: "0 * * * *", request: { payload: 1 } };
const create = (gateway: TestGateway, fields: Fields = {}, headers = {}) =>
  gateway.post("/schedules", JSON.stringify({ ...hourly, ...fields }), { ...json, ...headers });
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test("a schedule is stored with its payload byte for byte, and shown with its next firings", async () => {
  const gateway = testGateway();
  const payload = '{"n": 1e400 , "2":1,"1":"\\ud800","__proto__":{"payload":2}}';
  const sent = `{"cron":"0 9 * * MON-FRI","time_zone":"Europe/Berlin","missed":"last","name":"näme","request":{"processor":"simulate","payload":${payload}}}`;
  const answer = await gateway.post("/schedules", sent);
  expect(answer.status).toBe(201);
  expect(answer.headers.get("location")).toBe(`/schedules/${answer.json.id}`);
  expect(answer.text).toContain(`"payload":${payload}`);
  const read = await gateway.get(`/schedules/${answer.json.id}`);
  expect(read.text).toBe(answer.text);
  expect(read.json).toMatchObject({
    ...{ cron: "0 9 * * MON-FRI", time_zone: "Europe/Berlin", missed: "last", name: "näme", paused: false },
    request: { processor: "simulate" },
  });
  expect(read.json.next_firings).toHaveLength(5);
  expect(read.json).not.toHaveProperty("owner");
  const { json: list } = await gateway.get("/schedules");
  expect(list.schedules).toMatchObject([{ id: answer.json.id, request: { processor: "simulate" } }]);
  expect(JSON.stringify(list)).not.toContain("payload");
});

test("the time zone is UTC and missed firings are skipped unless the client says otherwise", async () => {
  const gateway = testGateway();
  expect((await create(gateway)).json).toMatchObject({ time_zone: "UTC", missed: "skip" });
});

test("the last firing is shown with its execution, and why the latest could not happen", async () => {
  const gateway = testGateway();
  const { id } = (await create(gateway)).json;
  const last = { at: 0, request_id: "r", execution_id: "e" };
  const execution = { status: "failed", error: { code: "invalid_input", message: "It does not fit." } };
  const last_error = { at: 60_000, code: "unknown_processor", message: "It is away." };
  Object.assign(gateway.requests.schedules.schedules.get(id) as object, {
    ...{ last: { ...last, execution }, last_error },
  });
  expect((await gateway.get(`/schedules/${id}`)).json).toMatchObject({
    last_firing: {
      ...{ scheduled_at: "1970-01-01 00:00:00.000000", request_uri: "/requests/r" },
      ...{ execution_uri: "/requests/r/executions/e", ...execution },
    },
    last_error: { scheduled_at: "1970-01-01 00:01:00.000000", code: "unknown_processor" },
  });
});

test("a successful deletion returns 204, even if its internal call had no response and was retried", async () => {
  const gateway = testGateway();
  const { id } = (await create(gateway)).json;
  gateway.requests.control.before = (name) => {
    if (name === "deleteSchedule") gateway.requests.schedules.schedules.delete(id);
  };
  expect((await gateway.ask("DELETE", `/schedules/${id}`)).status).toBe(204);
});

test("a schedule can be paused and resumed, repeatedly, and deleted once", async () => {
  const gateway = testGateway();
  const { id } = (await create(gateway)).json;
  for (const action of ["pause", "pause", "resume", "resume"]) {
    const answer = await gateway.post(`/schedules/${id}/${action}`);
    expect([answer.status, answer.json.paused]).toEqual([200, action === "pause"]);
  }
  expect((await gateway.ask("DELETE", `/schedules/${id}`)).status).toBe(204);
  for (const path of [`/schedules/${id}`, "/schedules/not-an-id", `/schedules/${"x".repeat(9_000)}`]) {
    expect(named(await gateway.get(path))).toEqual([404, "schedule-not-found"]);
    expect(named(await gateway.ask("DELETE", path))).toEqual([404, "schedule-not-found"]);
    expect(named(await gateway.post(`${path}/pause`))).toEqual([404, "schedule-not-found"]);
    expect(named(await gateway.post(`${path}/resume`))).toEqual([404, "schedule-not-found"]);
  }
});

test("schedules are listed in pages", async () => {
  const gateway = testGateway();
  for (let count = 0; count < 3; count++) await create(gateway);
  const first = (await gateway.get("/schedules?limit=2")).json;
  expect(first.schedules).toHaveLength(2);
  const second = (await gateway.get(first.next_uri as string)).json;
  expect([(second.schedules as object[]).length, second.next_uri]).toEqual([1, undefined]);
  expect(named(await gateway.get("/schedules?cursor=x"))).toEqual([400, "invalid-parameter"]);
});

test.each<[Fields, string]>([
  [{ cron: "0 0 30 2 *" }, "cron"],
  [{ cron: "* * * * * *" }, "cron"],
  [{ cron: "" }, "cron"],
  [{ cron: `*${" ".repeat(limits.cronCharsMax)}* * * *` }, "cron"],
  [{ cron: 5 }, "cron"],
  [{ time_zone: "Mars/Olympus" }, "time_zone"],
  [{ time_zone: "+02:00" }, "time_zone"],
  [{ time_zone: "" }, "time_zone"],
  [{ missed: "all" }, "missed"],
  [{ name: "x".repeat(limits.scheduleNameCharsMax + 1) }, "name"],
  [{ name: "" }, "name"],
  // No database stores it, so it would be shown as another one.
  [{ name: "\ud800" }, "name"],
  [{ owner: "me" }, "owner"],
  [{ request: {} }, "request.payload"],
  [{ request: 5 }, "request"],
  [{ request: { payload: 1, execute: true } }, "request.execute"],
  [{ request: undefined }, "request"],
])("%j is refused, and nothing is stored", async (fields, field) => {
  const gateway = testGateway();
  const answer = await create(gateway, fields);
  expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
  expect(gateway.requests.schedules.schedules.size).toBe(0);
});

test("a payload is checked like that of a request: its processor, its schema, its nesting, repeated fields", async () => {
  const gateway = testGateway();
  const announcement = { name: "word-count", kind: "module" as const, timeout_seconds: 30 };
  gateway.requests.processors.announce({ ...announcement, input_json: '{"type":"object"}' });
  const send = (request: string) => gateway.post("/schedules", `{"cron":"@daily","request":${request}}`);
  expect(named(await send('{"payload":1,"processor":"word-count"}'))).toEqual([422, "invalid-payload"]);
  expect(named(await send('{"payload":1,"processor":"unknown"}'))).toEqual([422, "unknown-processor"]);
  expect(named(await send('{"payload":1,"payload":2}'))).toEqual([400, "duplicate-key"]);
  const request = (payload: string) => `{"payload":${payload}}`;
  const deepest = nested(limits.nestingMax - 1);
  expect((await gateway.post("/requests", request(deepest))).status).toBe(201);
  expect((await send(request(deepest))).status).toBe(201);
  expect(named(await send(request(`[${deepest}]`)))).toEqual([400, "nested-too-deep"]);
});

test("labels are those that a request may have", async () => {
  const gateway = testGateway();
  const labelled = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`label.${index}`, "value"]));
  const labels = labelled(limits.labelsMax);
  const { status, json: created } = await create(gateway, { request: { payload: 1, labels } });
  expect([status, (created.request as Fields).labels]).toEqual([201, labels]);
  for (const wrong of [labelled(limits.labelsMax + 1), { "Upper case": "a" }, { a: 1 }]) {
    const answer = await create(gateway, { request: { payload: 1, labels: wrong } });
    expect(named(answer)).toEqual([422, "invalid-body"]);
  }
});

test("at the maximum number of schedules another one is refused", async () => {
  const gateway = testGateway();
  for (let count = 0; count < limits.schedulesMax; count++) {
    expect((await create(gateway)).status).toBe(201);
  }
  expect(named(await create(gateway))).toEqual([409, "too-many-schedules"]);
});

test("a key sees and changes the schedules that it created, `admin` all of them, and `read` none", async () => {
  const made = {
    a: newKey("a", ["submit"]),
    b: newKey("b", ["submit", "read"]),
    root: newKey("root", ["admin"]),
  };
  const reader = newKey("reader", ["read"]);
  const entries = [...Object.values(made), reader].map(({ entry }) => entry).join("\n");
  const gateway = testGateway({ apiKeys: readKeys(entries, "keys").keys });
  const as = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });
  const { json: schedule } = await create(gateway, {}, as(made.a));
  expect(schedule.owner).toBe("a");
  const idsFor = async (key: { key: string }) =>
    ((await gateway.get("/schedules", as(key))).json.schedules as { id: string }[]).map(({ id }) => id);
  expect([await idsFor(made.a), await idsFor(made.b), await idsFor(made.root)]).toEqual([
    ...[[schedule.id], [], [schedule.id]],
  ]);
  const path = `/schedules/${schedule.id}`;
  const calls: [string, string][] = [
    ["GET", path],
    ["POST", `${path}/pause`],
    ["POST", `${path}/resume`],
    ["DELETE", path],
  ];
  for (const [method, uri] of calls) {
    const ask = (key: { key: string }) => gateway.ask(method, uri, undefined, as(key));
    expect(named(await ask(reader))).toEqual([403, "forbidden"]);
    expect(named(await ask(made.b))).toEqual([404, "schedule-not-found"]);
    expect((await ask(made.root)).status).toBe(method === "DELETE" ? 204 : 200);
  }
  expect(await idsFor(made.a)).toEqual([]);
});

test("a refusal says how long a text may be", async () => {
  const gateway = testGateway();
  const detail = async (fields: Fields) => (await create(gateway, fields)).json.detail;
  const { cronCharsMax, scheduleNameCharsMax } = limits;
  expect(await detail({ cron: "" })).toContain(`a string of 1 to ${cronCharsMax} characters`);
  expect(await detail({ name: "" })).toContain(
    `well-formed Unicode of 1 to ${scheduleNameCharsMax} characters`,
  );
});
