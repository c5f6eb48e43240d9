import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import type { Config } from "../../src/index.ts";
import { named, testGateway } from "../support/gateway.ts";

const wanted = { url: "https://example.com/hook", events: ["execution.failed"] };

function gatewayOf(config: Partial<Config> = {}) {
  const gateway = testGateway(config);
  const post = (path: string, body?: unknown) =>
    gateway.ask("POST", path, body === undefined ? undefined : JSON.stringify(body));
  return { ...gateway, post, create: (parts: object = {}) => post("/webhooks", { ...wanted, ...parts }) };
}

test("the secret is returned by the creation and by no later response", async () => {
  const { create, get, post } = gatewayOf();
  const created = await create();
  expect(created.status).toBe(201);
  const { id, secret } = created.json;
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(created.headers.get("location")).toBe(`/webhooks/${id}`);
  for (const answer of [
    await get(`/webhooks/${id}`),
    await get("/webhooks"),
    await post(`/webhooks/${id}/pause`),
  ]) {
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain("whsec_");
    expect(answer.text).not.toContain("uri_base");
  }
});

test("a webhook is paused, resumed, rotated, tested and deleted", async () => {
  const { create, get, post, ask } = gatewayOf({ publicUrl: "https://sate.example/api" });
  const given = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  const { json } = await create({ secret: given, labels: { team: "a" }, processors: ["thumbnail"] });
  const path = `/webhooks/${json.id}`;
  expect(json).toMatchObject({
    secret: given,
    labels: { team: "a" },
    processors: ["thumbnail"],
    paused: false,
  });
  expect((await post(`${path}/pause`)).json.paused).toBe(true);
  expect((await post(`${path}/resume`)).json.paused).toBe(false);
  const rotated = (await post(`${path}/rotate`)).json;
  expect(rotated.secret).toMatch(/^whsec_/);
  expect(rotated).toHaveProperty("previous_secret_until", "2023-11-15 22:13:20.000000");
  const tested = await post(`${path}/test`);
  expect(tested.status).toBe(201);
  expect(tested.json.execution_uri).toStartWith(
    `https://sate.example/api/requests/${tested.json.webhook_message_id}/`,
  );
  expect((await ask("DELETE", path)).status).toBe(204);
  expect(named(await get(path))).toEqual([404, "webhook-not-found"]);
});

test("a successful deletion returns 204, even if its internal call had no response and was retried", async () => {
  const { create, ask, requests } = gatewayOf();
  const { id } = (await create()).json;
  requests.control.before = async (name) => {
    if (name !== "deleteWebhook") return;
    requests.control.before = () => {};
    await requests.api.deleteWebhook({ webhook_id: id });
  };
  expect((await ask("DELETE", `/webhooks/${id}`)).status).toBe(204);
});

test("an unknown webhook is 404 in every operation", async () => {
  const { get, post, ask } = gatewayOf();
  for (const id of [Bun.randomUUIDv7(), "x"]) {
    const answers = [
      await get(`/webhooks/${id}`),
      await ask("DELETE", `/webhooks/${id}`),
      ...(await Promise.all(
        ["pause", "resume", "rotate", "test"].map((what) => post(`/webhooks/${id}/${what}`)),
      )),
    ];
    for (const answer of answers) expect(named(answer)).toEqual([404, "webhook-not-found"]);
  }
});

describe("a creation is refused with 422 and the field", () => {
  const cases: [field: string, parts: object][] = [
    ["url", { url: "ftp://example.com" }],
    ["url", { url: "https://" }],
    ["url", { url: "https://user:pass@example.com/" }],
    ["url", { url: "https://example.com/#a" }],
    ["url", { url: `https://example.com/${"a".repeat(limits.webhookUrlCharsMax)}` }],
    ["secret", { secret: "whsec_" }],
    ["secret", { secret: `whsec_${"A".repeat(35)}` }],
    ["secret", { secret: "a secret of my own" }],
    ["events", { events: [] }],
    ["events", { events: ["execution.failed", "execution.failed"] }],
    ["processors", { processors: [] }],
    ["labels", { labels: {} }],
    ["events[0]", { events: ["execution.started"] }],
    ["processors[0]", { processors: ["sate:webhook"] }],
    ["state", { state: 1 }],
  ];
  test.each(cases)("%s %j", async (field, parts) => {
    const answer = await gatewayOf().create(parts);
    expect(named(answer)).toEqual([422, "invalid-body"]);
    expect(answer.json.field).toBe(field);
  });
});

test("the maximum number of webhooks is accepted, and one more is refused", async () => {
  const { create } = gatewayOf();
  for (let count = 0; count < limits.webhooksMax; count++) expect((await create()).status).toBe(201);
  expect(named(await create())).toEqual([409, "too-many-webhooks"]);
});

test("a refusal says that the items of an array must differ", async () => {
  const events = ["execution.failed", "execution.failed"];
  expect((await gatewayOf().create({ events })).json.detail).toContain("an array of 1 to 4 different items");
});
