import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type DeliveryApi, Unavailable } from "@sate/contracts";
import { Webhook } from "standardwebhooks";
import { addressPolicy } from "../../../src/handlers/webhook/addresses.ts";
import { webhookProcessor } from "../../../src/handlers/webhook/handler.ts";
import { readHandlerEnd } from "../../../src/runs/outcome.ts";
import { systemTime } from "../../../src/time.ts";
import { eventually } from "../../eventually.ts";
import { fakeTime } from "../../fakes/time.ts";

type Call = {
  method: string | undefined;
  path: string | undefined;
  headers: Record<string, string>;
  body: string;
};
type Respond = (response: ServerResponse, request: IncomingMessage) => void;

const calls: Call[] = [];
let respond: Respond;
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { method, url: path } = request;
  const headers = request.headers as Record<string, string>;
  calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
  respond(response, request);
});
await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}/hook?a=b`;
const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const older = `whsec_${Buffer.alloc(24, 2).toString("base64")}`;
const message = '{"type":"execution.failed","data":{"note":"ünïcode 1e400"}}';
const disabled: string[] = [];

beforeEach(() => {
  respond = (response) => response.writeHead(204).end();
});
afterEach(() => {
  calls.length = 0;
  disabled.length = 0;
  server.closeAllConnections();
});
afterAll(() => server.close());

function processorOf(
  options: { allow?: string; target?: DeliveryApi["deliveryTarget"]; time?: typeof systemTime } = {},
) {
  const { allow = "127.0.0.1", time = systemTime } = options;
  return webhookProcessor({
    requests: {
      deliveryTarget: options.target ?? (async () => ({ kind: "found", url, secrets: [secret, older] })),
      disableWebhook: async ({ webhook_id }) => {
        disabled.push(webhook_id);
        return {};
      },
    },
    policy: addressPolicy(allow),
    time,
    random: () => 0,
  });
}

function runOf(parts: { tryNumber?: number; webhook_id?: string; signal?: AbortSignal } = {}) {
  const { tryNumber = 1, webhook_id = "w", signal = new AbortController().signal } = parts;
  return {
    payloadJson: `{"webhook_id":"${webhook_id}","message":${message}}`,
    ...{ requestId: "a-request", executionId: "an-execution", epoch: 1, attempt: 1, workerId: "a-worker" },
    ...{ forceError: false, deadlineMs: 60_000, tryNumber, signal },
    progress() {},
    log() {},
  };
}

describe("a call", () => {
  test("is verified by the reference library with the present secret and the previous one, and is the same in every try except for its time", async () => {
    const { handler } = processorOf();
    for (const tryNumber of [1, 2]) {
      expect(await handler(runOf({ tryNumber }))).toEqual({
        kind: "succeeded",
        outputsJson: '{"status":204}',
      });
    }
    const [first, second] = calls as [Call, Call];
    expect(first).toMatchObject({ method: "POST", path: "/hook?a=b", body: message });
    expect(first.headers["content-type"]).toBe("application/json");
    for (const { body, headers } of [first, second]) {
      expect(headers["webhook-id"]).toBe("a-request");
      for (const one of [secret, older]) {
        expect(new Webhook(one).verify(body, headers)).toEqual(JSON.parse(message));
      }
      const another = new Webhook(`whsec_${Buffer.alloc(32, 3).toString("base64")}`);
      expect(() => another.verify(body, headers)).toThrow();
      expect(() => new Webhook(secret).verify(`${body} `, headers)).toThrow();
    }
  });

  test("is not made to an address that is not allowed", async () => {
    const end = await processorOf({ allow: "10.0.0.0/8" }).handler(runOf());
    expect(end).toMatchObject({ kind: "failed", error: { code: "address_refused" }, retryAfterMs: 5_000 });
    expect(calls).toEqual([]);
  });

  test.each(["paused", "disabled", "deleted"] as const)(
    "is not made for a webhook that is %s, now or later",
    async (kind) => {
      const end = await processorOf({ target: async () => ({ kind }) }).handler(runOf());
      expect(end).toMatchObject({ kind: "failed", isRetryable: false, error: { code: `webhook_${kind}` } });
      expect(calls).toEqual([]);
    },
  );

  test("waits while requests-service does not respond, which is no failed try", async () => {
    const time = fakeTime();
    let asked = 0;
    const target: DeliveryApi["deliveryTarget"] = async () => {
      if (++asked < 3) throw new Unavailable("away");
      return { kind: "found", url, secrets: [secret] };
    };
    const end = processorOf({ target, time }).handler(runOf());
    for (const times of [1, 2]) {
      await eventually(() => asked === times, "it was asked");
      await time.advance(1_000);
    }
    expect(await end).toMatchObject({ kind: "succeeded" });
  });
});

describe("a response", () => {
  const answer = (status: number, headers: Record<string, string> = {}): void => {
    respond = (response) => response.writeHead(status, headers).end();
  };

  test.each([200, 201, 202, 204, 299])("of %p is success", async (status) => {
    answer(status);
    expect(await processorOf().handler(runOf())).toMatchObject({ kind: "succeeded" });
  });

  test.each([300, 301, 302, 307, 308, 400, 401, 404, 409, 500, 503])(
    "of %p is a failed try, and no redirect is followed",
    async (status) => {
      answer(status, { location: `http://127.0.0.1:${port}/elsewhere` });
      const end = await processorOf().handler(runOf());
      expect(end).toMatchObject({ kind: "failed", error: { code: `http_${status}` }, retryAfterMs: 5_000 });
      expect(calls.map(({ path }) => path)).toEqual(["/hook?a=b"]);
    },
  );

  test("of 410 disables the webhook and ends the delivery", async () => {
    answer(410);
    const end = await processorOf().handler(runOf());
    expect(end).toMatchObject({ kind: "failed", isRetryable: false, error: { code: "webhook_gone" } });
    expect(disabled).toEqual(["w"]);
  });

  test("may ask for a longer pause", async () => {
    answer(503, { "retry-after": "120" });
    expect(await processorOf().handler(runOf())).toMatchObject({ retryAfterMs: 120_000 });
  });

  test("that fails the last try makes the delivery a dead letter", async () => {
    answer(500);
    const end = readHandlerEnd(await processorOf().handler(runOf({ tryNumber: 8 }))).end;
    expect(end).toMatchObject({ status: "dead_lettered", error: { code: "http_500" } });
  });

  test("without end is read up to a limit", async () => {
    let sent = 0;
    respond = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * 1024))) sent += 16 * 1024;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    };
    expect(await processorOf().handler(runOf())).toMatchObject({ kind: "succeeded" });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test("that does not come in time is a failed try", async () => {
    respond = () => {};
    const time = fakeTime();
    const end = processorOf({ time }).handler(runOf());
    await eventually(() => calls.length === 1, "it is called");
    await time.advance(15_000);
    expect(await end).toMatchObject({
      kind: "failed",
      error: { code: "receiver_timeout" },
      retryAfterMs: 5_000,
    });
  });
});

test("a receiver that lets calls time out is called by one delivery at a time until it responds; others are not affected", async () => {
  const time = fakeTime();
  const { handler } = processorOf({ time });
  respond = () => {};
  const first = handler(runOf());
  await eventually(() => calls.length === 1, "it is called");
  await time.advance(15_000);
  await first;
  const probe = handler(runOf());
  await eventually(() => calls.length === 2, "it is called again");
  expect(await handler(runOf())).toMatchObject({ kind: "failed", error: { code: "receiver_slow" } });
  respond = (response) => response.writeHead(200).end();
  expect(await handler(runOf({ webhook_id: "another" }))).toMatchObject({ kind: "succeeded" });
  await time.advance(15_000);
  await probe;
  const all = await Promise.all([handler(runOf()), handler(runOf())]);
  expect(all.map(({ kind }) => kind).toSorted()).toEqual(["failed", "succeeded"]);
  for (const end of await Promise.all([handler(runOf()), handler(runOf())]))
    expect(end.kind).toBe("succeeded");
});

test("an aborted run ends its call at once", async () => {
  respond = () => {};
  const stop = new AbortController();
  const end = processorOf().handler(runOf({ signal: stop.signal }));
  await eventually(() => calls.length === 1, "it is called");
  stop.abort(new Error("stopping"));
  await expect(end).rejects.toThrow("stopping");
});
