import { afterEach, expect, test } from "bun:test";
import { until } from "@sate/contracts/test/until.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { queued, remoteWorker } from "../support/worker.ts";

let gateway: TestGateway;
afterEach(() => gateway.app.server?.stop(true));

async function waitingClaim(idleTimeoutSeconds = 75) {
  gateway = testGateway({ idleTimeoutSeconds });
  const port = listen(gateway);
  const worker = await remoteWorker(gateway);
  const client = new AbortController();
  const response = fetch(`http://127.0.0.1:${port}/workers/${worker.id}/claims`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ claim_id: Bun.randomUUIDv7(), limit: 1, wait_seconds: 30 }),
    signal: client.signal,
  });
  response.catch(() => {});
  await until("it has looked", () => (gateway.requests.calls.claimAny ?? 0) > 0);
  return { client, response };
}

test("a claim whose connection is closed ends at once and claims nothing", async () => {
  const { client } = await waitingClaim();
  client.abort();
  await until("its request has ended", () => gateway.app.server?.pendingRequests === 0);
  const id = await queued(gateway);
  expect(gateway.requests.last(id).status).toBe("queued");
});

test("a claim may wait longer than a connection may be idle", async () => {
  const { response } = await waitingClaim(1);
  // Bun closes idle connections every four seconds.
  await until("it has looked for a while", () => (gateway.requests.calls.claimAny ?? 0) > 28, 20_000);
  await queued(gateway);
  expect((await response).status).toBe(200);
}, 30_000);
