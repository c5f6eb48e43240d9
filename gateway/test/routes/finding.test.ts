import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { type Body, named, testGateway } from "../support/gateway.ts";

const valid = "01900000-0000-7000-8000-000000000000";

/** A gateway with three executions, the newest first, of which the first two have a label. */
async function given() {
  const gateway = testGateway();
  const ids: string[] = [];
  const requestIds: string[] = [];
  for (const labels of ['{"team":"audio"}', '{"team":"video","x":"a:b"}', '{"team":"video"}']) {
    const { json } = await gateway.post("/requests", `{"payload":"secret","labels":${labels}}`);
    requestIds.unshift(json.id);
    ids.unshift(await gateway.started(json.id));
  }
  return { gateway, ids, requestIds };
}

test("labels are returned with the request, and with the states of its executions", async () => {
  const gateway = testGateway();
  const labels = '{"team":"video","a.b_c-9":"","__proto__":"ä"}';
  const created = await gateway.post("/requests", `{"labels":${labels},"payload":1}`);
  expect(created.status).toBe(201);
  const { id } = created.json;
  const execution = await gateway.started(id);
  for (const path of [
    `/requests/${id}`,
    `/requests/${id}/executions/${execution}`,
    "/executions",
    "/requests",
  ]) {
    expect((await gateway.get(path)).text).toContain(`"labels":${labels}`);
  }
  expect(created.text).toContain(`"labels":${labels}`);
});

test("labels are at most 10, with plain names and values of at most 255 characters; others are 422 and say so", async () => {
  const many = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, "v"])));
  const { labelsMax, labelValueCharsMax } = limits;
  const ofLength = (length: number) => `{"a":"${"v".repeat(length)}"}`;
  const good = [many(labelsMax), ofLength(labelValueCharsMax), `{"${"n".repeat(63)}":"\u{1f600}"}`, "{}"];
  for (const labels of good) {
    const { status } = await testGateway().post("/requests", `{"payload":1,"labels":${labels}}`);
    expect([labels, status]).toEqual([labels, 201]);
  }
  const bad = [
    '{"sate.schedule":""}',
    ...[many(labelsMax + 1), ofLength(labelValueCharsMax + 1), `{"${"n".repeat(64)}":""}`, '{"":""}'],
    ...['{"A":"x"}', '{"a:b":"x"}', '{"a/b~":"x"}', '{"a":1}', '{"a":null}', '{"a":"\\ud800"}'],
    ...["[]", '"a:b"', "null", "1", '{"a":{"$ne":"x"}}'],
  ];
  for (const labels of bad) {
    const gateway = testGateway();
    const answer = await gateway.post("/requests", `{"payload":1,"labels":${labels}}`);
    expect([labels, ...named(answer)]).toEqual([labels, 422, "invalid-body"]);
    expect(answer.json).toMatchObject({ field: "labels", detail: expect.stringContaining("at most 10") });
    expect(gateway.requests.calls).toEqual({});
  }
  const twice = await testGateway().post("/requests", '{"payload":1,"labels":{"a":"1","a":"2"}}');
  expect([...named(twice), twice.json.field]).toEqual([400, "duplicate-key", "labels.a"]);
});

test("executions are found by each filter, alone and with others, newest first and without payloads", async () => {
  const { gateway, ids, requestIds } = await given();
  gateway.requests.become(requestIds[1] as string, "failed");
  for (const [query, found] of [
    ["", ids],
    ["?status=queued", [ids[0], ids[2]]],
    ["?status=failed,succeeded", [ids[1]]],
    ["?label=team:video", ids.slice(0, 2)],
    ["?label=x:a:b&status=failed&processor=simulate", [ids[1]]],
    ["?label=team", null],
    ["?processor=sate:webhook", []],
    ["?since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00%2B01:00", ids],
    ["?since=2100-01-01T00:00:00Z", []],
  ] as const) {
    const { status, json, text } = await gateway.get(`/executions${query}`);
    expect(text).not.toContain("secret");
    if (found === null) expect(status).toBe(400);
    else expect([query, json.executions.map(({ id }) => id)]).toEqual([query, [...found] as string[]]);
  }
  const requests = await gateway.get("/requests?label=team:audio&processor=simulate");
  expect(requests.json.requests).toMatchObject([{ id: requestIds[2], payload: "secret" }]);
});

test("the link to the next page keeps the filter", async () => {
  const { gateway, ids, requestIds } = await given();
  for (const [list, expected] of [
    ["executions", ids.slice(0, 2)],
    ["requests", requestIds.slice(0, 2)],
  ] as const) {
    const seen: string[] = [];
    let pages = 0;
    const start = `/${list}?label=team:video&limit=1&since=2020-01-01T00:00:00.5%2B01:00`;
    for (let next: string | undefined = start; next; pages++) {
      const page: Body = (await gateway.get(next)).json;
      seen.push(...page[list].map(({ id }) => id));
      next = page.next_uri;
    }
    expect([seen, pages]).toEqual([[...expected], 2]);
  }
});

test("a page may be empty and have a link to the next one", async () => {
  const gateway = testGateway();
  gateway.requests.api.findExecutions = async () => ({ executions: [], next: valid });
  gateway.requests.api.listRequests = async () => ({ requests: [], more: true, next: valid });
  for (const list of ["executions", "requests"]) {
    const { json } = await gateway.get(`/${list}?label=a:b`);
    expect(json).toEqual({
      [list]: [],
      next_uri: `/${list}?label=a%3Ab&limit=20&cursor=${valid}`,
    } as never);
  }
});

const bad: [query: string, field: string][] = [
  ["status[$ne]=x", "status[$ne]"],
  ...["$where", "", "queued,", "Queued", "queued, failed", "removed", "queued;failed"].map(
    (value): [string, string] => [`status=${encodeURIComponent(value)}`, "status"],
  ),
  ["status=queued&status=failed", "status"],
  ...["", "a", ":b", "A:b", `${"n".repeat(64)}:b`, `a:${"v".repeat(400)}`].map((value): [string, string] => [
    `label=${value}`,
    "label",
  ]),
  ...["", "../x", "A", "sate:", "other:x", "p".repeat(65)].map((value): [string, string] => [
    `processor=${encodeURIComponent(value)}`,
    "processor",
  ]),
  ...[
    "",
    "yesterday",
    "1700000000",
    "2030-13-01T00:00:00Z",
    "2030-01-31T09:00:00",
    "2030-01-31T09:00:00+01:00",
  ].map((value): [string, string] => [`since=${value}`, "since"]),
  ["until=2030-02-30T00:00:00Z", "until"],
  ["since=2030-01-01T00:00:00Z&until=2030-01-01T00:00:00Z", "until"],
  ["since=2030-01-02T00:00:00Z&until=2030-01-01T00:00:00Z", "until"],
  [`cursor=${"a".repeat(9_000)}`, "cursor"],
  ["cursor=3", "cursor"],
  ["limit=101", "limit"],
  ["payloads=1", "payloads"],
];
describe("an invalid filter is 400, names the parameter, and reads nothing", () => {
  test.each(bad.map(([query, field]) => [query.slice(0, 60), query, field] as const))(
    "%s",
    async (_, query, field) => {
      const gateway = testGateway();
      const lists = field === "status" ? ["executions"] : ["executions", "requests"];
      for (const list of lists) {
        const answer = await gateway.get(`/${list}?${query}`);
        expect([...named(answer), answer.json.field]).toEqual([400, "invalid-parameter", field]);
      }
      expect(gateway.requests.calls).toEqual({});
    },
  );
});

const cancel = (gateway: ReturnType<typeof testGateway>, body: unknown) =>
  gateway.post("/executions/cancel", JSON.stringify(body));

test("bulk cancel: a dry run counts, a call cancels a page, and `next` continues", async () => {
  const { gateway, ids, requestIds } = await given();
  const filter = { label: "team:video", all: true };
  const dry = await cancel(gateway, { filter, dry_run: true });
  expect(dry.json).toEqual({ matched: 2, cancelled: 2, skipped: [] } as never);
  expect(gateway.requests.last(requestIds[0] as string).status).toBe("queued");
  const first = await cancel(gateway, { filter, limit: 1 });
  expect(first.json).toEqual({ matched: 1, cancelled: 1, skipped: [], next: ids[0] } as never);
  const rest = await cancel(gateway, { filter, limit: 1, cursor: first.json.next });
  expect(rest.json).toEqual({ matched: 1, cancelled: 1, skipped: [] } as never);
  expect(requestIds.map((id) => gateway.requests.last(id).status)).toEqual([
    "cancelled",
    "cancelled",
    "queued",
  ]);
});

test("bulk cancel says which executions had ended, with a problem for each", async () => {
  const gateway = testGateway();
  const ended = [{ request_id: valid, execution_id: valid }];
  gateway.requests.api.cancelMatching = async () => ({ matched: 2, cancelled: 1, ended });
  const { json } = await cancel(gateway, { filter: { since: "2020-01-01T00:00:00Z", status: "queued" } });
  expect(json).toMatchObject({
    ...{ matched: 2, cancelled: 1 },
    skipped: [
      {
        ...{ id: valid, request_id: valid },
        problem: { status: 409, type: "urn:sate:problem:execution-ended", results_uri: expect.any(String) },
      },
    ],
  } as never);
});

test("bulk cancel needs a filter that says how far back it goes; what does not fit is 422 and changes nothing", async () => {
  for (const [body, field] of [
    [{}, "filter"],
    [{ filter: {} }, "filter"],
    [{ filter: { status: "queued" } }, "filter"],
    [{ filter: { all: false } }, "filter"],
    [{ filter: { all: true, status: "failed" } }, "filter.status"],
    [{ filter: { all: true, label: "x" } }, "filter.label"],
    [{ filter: { all: true, processor: "../x" } }, "filter.processor"],
    [{ filter: { since: "2030-02-30T00:00:00Z" } }, "filter.since"],
    [{ filter: { since: "2030-01-01T00:00:00Z", until: "2029-01-01T00:00:00Z" } }, "filter.until"],
    [{ filter: { all: true, $where: "x" } }, "filter.$where"],
    [{ filter: { all: true }, limit: limits.bulkMax + 1 }, "limit"],
    [{ filter: { all: true }, limit: 0 }, "limit"],
    [{ filter: { all: true }, cursor: "3" }, "cursor"],
    [{ filter: { all: true }, dry_run: "yes" }, "dry_run"],
  ] as const) {
    const gateway = testGateway();
    const answer = await cancel(gateway, body);
    expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
    expect(gateway.requests.calls).toEqual({});
  }
  const most = await cancel(testGateway(), { filter: { all: true }, limit: limits.bulkMax });
  expect(most.status).toBe(200);
});
