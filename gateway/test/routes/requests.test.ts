import { expect, test } from "bun:test";
import { type Body, named, testGateway } from "../support/gateway.ts";

test("creating a request returns exactly the original's fields and its Location", async () => {
  const gateway = testGateway();
  const answer = await gateway.post("/requests", '{ "payload" : {"message": "ping"} }');
  expect(answer.status).toBe(201);
  expect(Object.keys(answer.json)).toEqual(["id", "payload"]);
  expect(answer.text).toContain('"payload":{"message": "ping"}');
  expect(answer.headers.get("location")).toBe(`/requests/${answer.json.id}`);
  expect(answer.headers.get("content-type")).toBe("application/json");
  const read = await gateway.get(`/requests/${answer.json.id}`);
  expect(Object.keys(read.json)).toEqual(["id", "payload", "creation_date"]);
});

test("a given processor is stored", async () => {
  const gateway = testGateway();
  gateway.requests.processors.announce({ name: "thumbnails.v2", kind: "module", timeout_seconds: 1 });
  const answer = await gateway.post("/requests", '{"processor":"thumbnails.v2","payload":null}');
  expect(answer.json).toMatchObject({ id: answer.json.id, payload: null, processor: "thumbnails.v2" });
});

test("requests are listed newest first, in consecutive pages", async () => {
  const gateway = testGateway();
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.push(await gateway.stored(String(count)));
  const seen: string[] = [];
  let pages = 0;
  for (let next: string | undefined = "/requests?limit=2"; next; pages++) {
    const page: Body = (await gateway.get(next)).json;
    seen.push(...page.requests.map(({ id }) => id));
    next = page.next_uri;
  }
  expect([seen, pages]).toEqual([ids.toReversed(), 3]);
});

const valid = "01900000-0000-7000-8000-000000000000";
const badQueries: [query: string, field?: string][] = [
  ["status[$ne]=x", "status[$ne]"],
  ["status=$where", "status"],
  ["limit=1&limit=1", "limit"],
  ...["-1", "0", "101", "1e1", "%2B5", "05", "abc", ""].map((value): [string, string] => [
    `limit=${value}`,
    "limit",
  ]),
  ["cursor=forged", "cursor"],
  [`cursor=${"A".repeat(9_000)}`, "cursor"],
  // Of another list.
  ["cursor=3", "cursor"],
  [`cursor=${valid}%0a`, "cursor"],
  ["cursor[$ne]=1", "cursor[$ne]"],
  ["__proto__=1", "__proto__"],
  // Names that belong in no log.
  ["a%0d%0ab=1"],
  ["%zz=1"],
];
const titled = badQueries.map(([query, field]) => [query.slice(0, 40), query, field] as const);
test.each(titled)("an invalid query is 400, and names the parameter: %s", async (_, query, field) => {
  const gateway = testGateway();
  const answer = await gateway.get(`/requests?${query}`);
  expect(named(answer)).toEqual([400, "invalid-parameter"]);
  expect(answer.json.field).toBe(field);
  expect(gateway.requests.calls).toEqual({});
});

test("pages of 1 to 100 entries are accepted, and an empty cursor is the start of a list", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const execution = await gateway.started(id);
  for (const query of ["limit=1", "limit=100", `cursor=${valid}`]) {
    expect((await gateway.get(`/requests?${query}`)).status).toBe(200);
  }
  expect((await gateway.get("/requests?cursor=")).json.requests).toMatchObject([{ id }]);
  const { executions } = (await gateway.get(`/requests/${id}/executions?cursor=`)).json;
  expect(executions).toMatchObject([{ id: execution }]);
  expect((await gateway.get(`/requests/${id}/results?cursor=`)).status).toBe(200);
});

test("a route without parameters refuses any", async () => {
  const answer = await testGateway().post("/requests?debug=1", '{"payload":1}');
  expect(named(answer)).toEqual([400, "invalid-parameter"]);
});
