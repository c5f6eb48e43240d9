import { afterAll, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { startReceiver } from "../../src/torture/load/receiver.ts";

const receiver = startReceiver();
const secret = `whsec_${Buffer.from("a secret of the test".padEnd(32)).toString("base64")}`;
receiver.expect(secret);
afterAll(() => receiver.stop());

/** Calls the receiver as at `date`, signed with `key`. Returns the status of the response. */
async function call(id: string, { key = secret, date = new Date() } = {}): Promise<number> {
  const body = JSON.stringify({ type: "execution.failed", data: { execution_id: "e", status: "failed" } });
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(date.getTime() / 1_000)),
    "webhook-signature": `v1,other ${new Webhook(key).sign(id, date, body)}`,
  };
  return (await fetch(receiver.url, { method: "POST", body, headers })).status;
}

test("a delivery with the right signature is noted, whatever the clock of its sender says", async () => {
  expect(await call("m1", { date: new Date(1_000) })).toBe(204);
  expect(receiver.webhook.delivered).toEqual([{ id: "m1", executionId: "e", status: "failed" }]);
});

test("some deliveries are refused once", async () => {
  expect([await call("m0"), await call("m0")]).toEqual([503, 204]);
  expect(receiver.webhook).toMatchObject({ refused: 1, forged: [] });
});

test("a delivery with another signature is forged", async () => {
  expect(await call("m2", { key: secret.replace("YSB", "YSC") })).toBe(400);
  expect(receiver.webhook.forged).toEqual(["the delivery m2 has another signature"]);
  expect(receiver.webhook.delivered.map(({ id }) => id)).toEqual(["m1", "m0"]);
});
