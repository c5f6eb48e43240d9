import { describe, expect, spyOn, test } from "bun:test";
import { Unavailable, type WebhookEvent, webhookProcessor } from "@sate/contracts";
import { graceMs } from "../../src/runs/overdue.ts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, createCore, lostMax, openedStore, sweepsMax, testCore } from "../core.ts";

const never = new AbortController().signal;
const all: WebhookEvent[] = [
  "execution.succeeded",
  "execution.failed",
  "execution.dead_lettered",
  "execution.cancelled",
];

async function subscribe({ commands }: Core, parts: object = {}): Promise<string> {
  const id = newId();
  const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
  const wanted = { id, url: "https://example.com/", events: all, secret, uri_base: "", ...parts };
  expect((await commands.createWebhook(wanted)).kind).toBe("found");
  return id;
}

/** The messages of all deliveries that are stored, each with the number of executions that it has. */
async function deliveries({ store, webhooks }: Core) {
  await webhooks.flush();
  const newest = { from: "", below: "~", limit: 1_000 };
  const entries = await store.finding.requests({ processor: webhookProcessor }, newest);
  const found = await store.requests.get(entries.map(({ id }) => id));
  const requests = entries.flatMap(({ id }) => found.get(id) ?? []);
  const executions = await store.executions.ofRequests(requests.map(({ id }) => id));
  return requests.map(({ id, payload_json }) => {
    return { ...JSON.parse(payload_json).message, executions: executions.get(id)?.length };
  });
}

/** An execution that ended, published and recorded: what is left to do is to confirm it. */
async function finished(core: Core, status: "succeeded" | "failed" = "succeeded") {
  const run = await core.run(await core.worker());
  await core.commands.finish({ runs: [{ ...run, outcome: madeOutcome(status) }], publish: true });
  await core.outbox.flush();
  core.results.record(run);
  return run;
}

test("every way in which an execution ends is delivered at once: finished, cancelled, expired, timed out, lost", async () => {
  const core = testCore();
  const { commands, time } = core;
  await subscribe(core);
  await finished(core);
  const queued = await core.execution();
  await commands.cancelExecution({ request_id: queued.request_id, execution_id: queued.id });
  await core.execution(undefined, { expires_in_seconds: 1 });
  time.now += 2_000;
  await core.sweepWaiting();
  await core.run(await core.worker(), await core.execution(undefined, { timeout_seconds: 1 }));
  await core.sweep();
  time.monotonic += 1_000 + graceMs;
  await core.sweep();
  const often = await core.execution();
  for (let lost = 0; lost < lostMax; lost++) {
    await core.run(await core.worker(), often);
    for (let sweeps = 0; sweeps <= sweepsMax; sweeps++) await core.sweep();
  }
  const ends = (await deliveries(core)).map(({ type, data }) => `${type} ${data.error_code}`);
  expect(ends.toSorted()).toEqual([
    "execution.cancelled cancelled",
    "execution.dead_lettered lost",
    "execution.failed expired",
    "execution.failed timeout",
    "execution.succeeded undefined",
  ]);
});

test("an outcome without its delivery gets it before it is confirmed, and no second one", async () => {
  const core = testCore();
  await finished(core);
  expect(await deliveries(core)).toEqual([]);
  // As in another process, which has not told this one.
  await subscribe(createCore({ store: core.store }));
  await core.look(never);
  expect(await deliveries(core)).toMatchObject([{ type: "execution.succeeded", executions: 1 }]);
  const run = await finished(core);
  const before = await deliveries(core);
  expect(before).toHaveLength(2);
  await core.look(never);
  expect(await deliveries(core)).toEqual(before);
  expect(core.counters.read()).toMatchObject({ webhook_deliveries_created: 2 });
  expect((await core.stored(run)).mark).toBeUndefined();
});

test("while its deliveries cannot be created, an outcome is not confirmed", async () => {
  const core = testCore();
  await subscribe(createCore({ store: core.store }));
  const run = await finished(core);
  beforeNext(core.ports.store.requests, "insert", async () => {
    throw new Unavailable("The Requests DB cannot be written.");
  });
  await expect(core.look(never)).rejects.toThrow();
  expect((await core.stored(run)).mark).toBe("confirm");
  await core.look(never);
  expect(await deliveries(core)).toHaveLength(1);
});

test("paused, disabled and deleted webhooks get no deliveries, and their deliveries no target", async () => {
  const core = testCore();
  const { commands } = core;
  const [paused, disabled, deleted, active] = [
    ...[await subscribe(core), await subscribe(core), await subscribe(core), await subscribe(core)],
  ] as [string, string, string, string];
  await commands.pauseWebhook({ webhook_id: paused });
  await commands.disableWebhook({ webhook_id: disabled, reason: "gone" });
  await commands.deleteWebhook({ webhook_id: deleted });
  await finished(core);
  const data = (await deliveries(core)).map(({ data }) => data.webhook_id);
  expect(data).toEqual([active]);
  const target = (webhook_id: string) => commands.deliveryTarget({ webhook_id });
  expect(
    (await Promise.all([paused, disabled, deleted, active].map(target))).map(({ kind }) => kind),
  ).toEqual([...["paused", "disabled", "deleted", "found"]] as never);
});

test("the ends of deliveries are not delivered", async () => {
  const core = testCore();
  const { commands } = core;
  const webhook_id = await subscribe(core);
  const ids = { request_id: newId(), execution_id: newId() };
  for (let times = 0; times < 2; times++) {
    expect((await commands.testWebhook({ webhook_id, ...ids })).kind).toBe("created");
  }
  const run = await core.run(await core.worker(), {
    id: ids.execution_id,
    request_id: ids.request_id,
    attempt: 1,
  });
  expect(run.processor).toBe(webhookProcessor);
  await commands.finish({ runs: [{ ...run, outcome: madeOutcome("failed") }] });
  expect(await deliveries(core)).toMatchObject([{ type: "webhook.test", executions: 1 }]);
});

test("a rotated secret signs beside the old one for a day; a repetition changes nothing", async () => {
  const core = testCore();
  const { commands, time } = core;
  const webhook_id = await subscribe(core);
  const secrets = async () => {
    const target = await commands.deliveryTarget({ webhook_id });
    return target.kind === "found" && target.secrets;
  };
  const [old] = (await secrets()) as [string];
  const secret = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
  for (let times = 0; times < 2; times++) {
    const rotated = await commands.rotateWebhookSecret({ webhook_id, secret });
    expect(rotated).toMatchObject({
      kind: "found",
      webhook: { previous_secret_until: time.now + 86_400_000 },
    });
    expect(JSON.stringify(rotated)).not.toContain("whsec_");
    expect(await secrets()).toEqual([secret, old]);
  }
  time.now += 86_400_000;
  expect(await secrets()).toEqual([secret]);
});

describe("limits", () => {
  test("a hundred webhooks are accepted, one more is refused, and a repetition of the last is not", async () => {
    const core = testCore();
    for (let count = 1; count < 100; count++) await subscribe(core);
    const id = await subscribe(core);
    await subscribe(core, { id });
    const [other] = (await core.commands.listWebhooks({})).webhooks;
    const wanted = { ...other, id: newId(), secret: `whsec_${Buffer.alloc(32, 1).toString("base64")}` };
    expect((await core.commands.createWebhook(wanted as never)).kind).toBe("too_many");
  });

  test("an outcome costs additional database calls only if there is a webhook", async () => {
    // Below what reports outcomes to the webhooks.
    const store = openedStore();
    const core = testCore({ store });
    const { webhooks, executions } = store;
    const calls = [spyOn(webhooks, "get"), spyOn(webhooks, "list"), spyOn(executions, "get")];
    const callsOfFinish = async () => {
      const run = await core.run(await core.worker());
      for (const call of calls) call.mockClear();
      await core.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
      await core.webhooks.flush();
      return calls.map(({ mock }) => mock.calls.length);
    };
    expect(await callsOfFinish()).toEqual([0, 0, 0]);
    await subscribe(core);
    expect(await callsOfFinish()).toEqual([0, 0, 1]);
  });
});
