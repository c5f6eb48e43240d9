import { expect, test } from "bun:test";
import { type Body, json, named, testGateway } from "../support/gateway.ts";

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
const badQueries: [name: string, query: string, field: string | undefined][] = [
  ["an operator", "?status[$ne]=x", "status[$ne]"],
  ["an unknown parameter", "?status=$where", "status"],
  ["a parameter twice", "?limit=1&limit=1", "limit"],
  ["below one", "?limit=-1", "limit"],
  ["zero", "?limit=0", "limit"],
  ["beyond the page", "?limit=101", "limit"],
  ["in another notation", "?limit=1e1", "limit"],
  ["with a sign", "?limit=%2B5", "limit"],
  ["with a leading zero", "?limit=05", "limit"],
  ["no number", "?limit=abc", "limit"],
  ["empty", "?limit=", "limit"],
  ["a forged cursor", "?cursor=forged", "cursor"],
  ["a huge cursor", `?cursor=${"A".repeat(9_000)}`, "cursor"],
  ["a cursor of another list", "?cursor=3", "cursor"],
  ["a cursor with something behind it", `?cursor=${valid}%0a`, "cursor"],
  ["a cursor with an operator", "?cursor[$ne]=1", "cursor[$ne]"],
  ["a name of our own objects", "?__proto__=1", "__proto__"],
  ["a name that belongs in no log", "?a%0d%0ab=1", undefined],
  ["a broken escape", "?%zz=1", undefined],
];
for (const [name, query, field] of badQueries) {
  test(`an invalid query is 400: ${name}`, async () => {
    const gateway = testGateway();
    const answer = await gateway.get(`/requests${query}`);
    expect(named(answer)).toEqual([400, "invalid-parameter"]);
    expect(answer.json.field).toBe(field);
    expect(gateway.requests.calls).toEqual({});
  });
}

test("an empty cursor is the start of a list", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const execution = await gateway.started(id);
  expect((await gateway.get("/requests?cursor=")).json.requests).toMatchObject([{ id }]);
  const { executions } = (await gateway.get(`/requests/${id}/executions?cursor=`)).json;
  expect(executions).toMatchObject([{ id: execution }]);
  expect((await gateway.get(`/requests/${id}/results?cursor=`)).status).toBe(200);
});

test("page sizes from 1 to 100 are accepted", async () => {
  const gateway = testGateway();
  await gateway.stored();
  for (const query of ["?limit=1", "?limit=100", `?cursor=${valid}`, "?cursor="]) {
    expect((await gateway.get(`/requests${query}`)).status).toBe(200);
  }
  expect(named(await gateway.post("/requests?debug=1", '{"payload":1}', json))[1]).toBe("invalid-parameter");
});
