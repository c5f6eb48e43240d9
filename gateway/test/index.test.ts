import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { testGateway } from "./support/gateway.ts";

const away = () => {
  throw new Unavailable("no response");
};

test("/ready is 200 once the dependencies respond, until the stop", async () => {
  const gateway = testGateway();
  expect((await gateway.get("/ready")).json).toMatchObject({ ready: false, reasons: ["It is starting."] });
  expect((await gateway.get("/live")).status).toBe(200);
  await gateway.start();
  expect(await gateway.get("/ready")).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
  await gateway.stop();
  expect((await gateway.get("/ready")).json).toMatchObject({ ready: false, reasons: ["It is stopping."] });
});

test("start waits for both services, and requests are served meanwhile", async () => {
  const gateway = testGateway();
  gateway.requests.control.before = away;
  gateway.results.control.before = away;
  const started = gateway.start();
  await until("both are missed", async () => (await gateway.notReadyReasons()).length === 3);
  expect((await gateway.notReadyReasons()).sort()).toEqual([
    "It is starting.",
    "requests-service does not respond.",
    "results-service does not respond.",
  ]);
  expect((await gateway.get("/requests")).status).toBe(503);
  gateway.requests.control.before = () => {};
  expect((await gateway.get("/requests")).status).toBe(200);
  gateway.results.control.before = () => {};
  await started;
  expect(await gateway.notReadyReasons()).toEqual([]);
  await gateway.stop();
});

test("it is not ready while other services of its process are not", async () => {
  let others = ["The Results DB does not respond."];
  const gateway = testGateway({}, { othersNotReady: async () => others });
  await gateway.start();
  const { status, json } = await gateway.get("/ready");
  expect([status, json.reasons]).toEqual([503, others]);
  others = [];
  expect((await gateway.get("/ready")).status).toBe(200);
  await gateway.stop();
});
