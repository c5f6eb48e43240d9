import { afterAll, expect, test } from "bun:test";
import { type Client, createClient } from "../src/clients/client.ts";
import { type Receiver, receiverHost, startReceiver } from "../src/clients/receiver.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { startSystem } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();
const receiver = await startReceiver();
const created: string[] = [];
afterAll(async () => {
  for (const id of created) await client.ask("DELETE", `/webhooks/${id}`);
  receiver.stop();
}, 60_000);

type Created = { id: string; secret: string };

async function subscribe(to: Client, at: Receiver, path: string, parts: object): Promise<Created> {
  const { status, json, text } = await to.post("/webhooks", { url: at.url(path), ...parts });
  if (status !== 201) throw new Error(`POST /webhooks returned ${status}: ${text}`);
  const webhook = json as unknown as Created;
  at.secrets.set(path, webhook.secret);
  return webhook;
}

/** Of the shared system, until the end of its tests. */
async function webhook(path: string, parts: object): Promise<Created> {
  const one = await subscribe(client, receiver, path, parts);
  created.push(one.id);
  return one;
}

/** An execution of a new request that has ended. */
async function ended(
  processor?: string,
  body?: object,
): Promise<{ request_id: string; execution_id: string }> {
  const request_id = await client.createRequest({ secret: "of the client" }, processor);
  const execution_id = (await client.execute(request_id, body)).json.id;
  await client.ended(request_id, execution_id);
  return { request_id, execution_id };
}

/** How the delivery of a test message ended. */
async function testOf({ id }: Created): Promise<{ status: string; code: string | undefined; tries: number }> {
  const { json } = await client.post(`/webhooks/${id}/test`);
  const { execution_uri } = json as unknown as { execution_uri: string };
  const state = await until("the try has ended", 60_000, async () => {
    const { json } = await client.get(execution_uri);
    return json.tries > 0 && json.status !== "running" && json;
  });
  return { status: state.status, code: state.error?.code, tries: state.tries };
}

test("the end of an execution is delivered, signed, with ids and links and without the client's data", async () => {
  const { id } = await webhook("/ends", {
    events: ["execution.succeeded", "execution.failed"],
    processors: ["simulate"],
  });
  const [good, bad] = [await ended(), await ended(undefined, { force_error: true })];
  await until("both are delivered", 30_000, () => {
    const those = receiver.at("/ends").map(({ message }) => message.data.execution_id);
    return those.includes(good.execution_id) && those.includes(bad.execution_id);
  });
  const of = (execution: string) =>
    receiver.at("/ends").find(({ message }) => message.data.execution_id === execution)?.message;
  expect(of(good.execution_id)).toMatchObject({
    type: "execution.succeeded",
    data: { webhook_id: id, ...good, attempt: 1, processor: "simulate", status: "succeeded" },
  });
  expect(of(bad.execution_id)).toMatchObject({
    type: "execution.failed",
    data: { ...bad, error_code: "forced_error" },
  });
  expect(JSON.stringify(receiver.at("/ends"))).not.toContain("of the client");
  const { results_uri = "" } = of(good.execution_id)?.data ?? {};
  await until(
    "its result is at the link",
    30_000,
    async () => (await client.get(results_uri)).json.results?.length === 1,
  );
  expect(receiver.forged).toEqual([]);
}, 90_000);

test("only what a webhook asks for is delivered to it", async () => {
  const path = "/filtered";
  await webhook(path, { events: ["execution.succeeded"], processors: ["trial-fast"] });
  const other = await ended();
  const { execution_id } = await ended("trial-fast");
  const executionsAt = (at: string) =>
    new Set(receiver.at(at).map(({ message }) => message.data.execution_id));
  await until("it is delivered", 30_000, () => executionsAt(path).has(execution_id));
  await until("the other is delivered", 30_000, () => executionsAt("/ends").has(other.execution_id));
  // Not only this one: what ended within a minute before the webhook was created may be delivered, too.
  for (const { message } of receiver.at(path)) {
    expect(message).toMatchObject({ type: "execution.succeeded", data: { processor: "trial-fast" } });
  }
}, 90_000);

test("a cancelled execution is delivered", async () => {
  const path = "/cancelled";
  await webhook(path, { events: ["execution.cancelled"] });
  const request_id = await client.createRequest(1, "trial-fast");
  const start_after = new Date(Date.now() + 3_600_000).toISOString();
  const { json } = await client.execute(request_id, { start_after });
  await client.post(`/requests/${request_id}/executions/${json.id}/cancel`);
  const { message } = await until("it is delivered", 30_000, () =>
    receiver.at(path).find(({ message }) => message.data.execution_id === json.id),
  );
  expect(message.data).toMatchObject({ status: "cancelled" });
}, 60_000);

test("a test message is delivered, and after a rotation with both secrets", async () => {
  const path = "/rotated";
  const one = await webhook(path, { events: ["execution.failed"], processors: ["none"] });
  expect(await testOf(one)).toMatchObject({ status: "succeeded" });
  const rotated = (await client.post(`/webhooks/${one.id}/rotate`)).json as unknown as Created;
  expect(await testOf(one)).toMatchObject({ status: "succeeded" });
  receiver.secrets.set(path, rotated.secret);
  expect(await testOf(one)).toMatchObject({ status: "succeeded" });
  expect(receiver.at(path).map(({ message }) => message.type)).toEqual([
    "webhook.test",
    "webhook.test",
    "webhook.test",
  ]);
  expect(receiver.forged).toEqual([]);
}, 60_000);

test("redirects are not followed, and a failed try waits for the next", async () => {
  const one = await webhook("/redirects", { events: ["execution.failed"], processors: ["none"] });
  receiver.responses.set("/redirects", (response) =>
    response.writeHead(302, { location: receiver.url("/target") }).end(),
  );
  expect(await testOf(one)).toMatchObject({ status: "queued", code: "http_302", tries: 1 });
  expect([receiver.at("/redirects").length, receiver.at("/target").length]).toEqual([1, 0]);
  receiver.responses.delete("/redirects");
  await until("the second try arrives", 30_000, () => receiver.at("/redirects").length === 2);
  expect(new Set(receiver.at("/redirects").map(({ id }) => id)).size).toBe(1);
}, 90_000);

test("410 disables a webhook; resuming it enables it again", async () => {
  const one = await webhook("/gone", { events: ["execution.failed"], processors: ["none"] });
  receiver.responses.set("/gone", (response) => response.writeHead(410).end());
  expect(await testOf(one)).toMatchObject({ status: "failed", code: "webhook_gone" });
  const shown = async () =>
    (await client.get(`/webhooks/${one.id}`)).json as unknown as { disabled?: { reason: string } };
  expect((await shown()).disabled?.reason).toContain("410");
  expect(await testOf(one)).toMatchObject({ status: "failed", code: "webhook_disabled" });
  receiver.responses.delete("/gone");
  await client.post(`/webhooks/${one.id}/resume`);
  expect((await shown()).disabled).toBeUndefined();
  expect(await testOf(one)).toMatchObject({ status: "succeeded" });
}, 60_000);

test("addresses that are not public are not called, by address or by name", async () => {
  const urls = [
    ...[`http://127.0.0.1:${receiver.port}/private`, `https://127.0.0.1:${receiver.port}/private`],
    ...[`http://localhost:${receiver.port}/private`, `https://[::ffff:127.0.0.1]:${receiver.port}/private`],
    ...["http://1.1.1.1/", "https://169.254.169.254/latest/meta-data/"],
  ];
  for (const url of urls) {
    const one = await webhook("/private", { url, events: ["execution.failed"], processors: ["none"] });
    expect({ url, ...(await testOf(one)) }).toMatchObject({ url, status: "queued", code: "address_refused" });
    await client.ask("DELETE", `/webhooks/${one.id}`);
  }
  expect(receiver.at("/private")).toEqual([]);
}, 120_000);

test("a receiver that does not respond holds up neither others nor the processors of users", async () => {
  await webhook("/slow", { events: ["execution.succeeded"], processors: ["trial-fast"] });
  receiver.responses.set("/slow", () => {});
  const before = receiver.at("/filtered").length;
  const count = 12;
  await Promise.all(Array.from({ length: count }, () => ended("trial-fast")));
  // Long before the first call of the slow one times out.
  await until("the others are delivered", 14_000, () => receiver.at("/filtered").length >= before + count);
  receiver.responses.delete("/slow");
}, 90_000);

/** The gaps on the way from an outcome to its delivery. */
const gaps = [
  ...["requests-service.delivery-due", "requests-service.delivery-created", "requests-service.confirmed"],
  ...["processor.claimed", "processor.ended", "processor.finished"],
];

test("every outcome is delivered at least once, signed, whatever is killed on the way", async () => {
  const at = await startReceiver();
  const settings = {
    ...{ LEASE_SECONDS: "3", MAX_LOST: "100", CONFIRM_SECONDS: "1", PROCESSING_SECONDS: "0.05" },
    ...{ LOG_LEVEL: "error", SERVICE_TOKEN: "e2e-token-of-the-services", WEBHOOK_ALLOW: receiverHost },
  };
  const scale = { "requests-service": 2, processor: 2 };
  const own = await startSystem(system.kind, { settings, scale });
  try {
    const to = createClient(own.url);
    await subscribe(to, at, "/kills", { events: ["execution.succeeded"] });
    const expected: string[] = [];
    for (const gap of gaps) {
      own.failpoints.arm(gap);
      await until(`${gap} has fired`, 60_000, async () => {
        // Calls fail while a process is killed; only what was acknowledged counts.
        const request = await to.post("/requests", { payload: 1 }).catch(() => null);
        const execution =
          request?.status === 201 ? await to.execute(request.json.id).catch(() => null) : null;
        if (execution?.status === 201) expected.push(execution.json.id);
        return !own.failpoints.isArmed(gap);
      });
      await own.ready();
    }
    await until("all are delivered", 90_000, () => {
      const those = new Set(at.delivered.map(({ message }) => message.data.execution_id));
      return expected.every((id) => those.has(id));
    });
    expect(expected.length).toBeGreaterThanOrEqual(gaps.length);
    expect(at.forged).toEqual([]);
    const ids = Map.groupBy(at.delivered, ({ message }) => message.data.execution_id);
    for (const calls of ids.values()) expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
  } finally {
    await own.stop();
    at.stop();
  }
}, 400_000);
