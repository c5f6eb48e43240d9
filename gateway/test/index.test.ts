import { expect, test } from "bun:test";
import { Unavailable } from "../src/ports.ts";
import { testGateway } from "./gateway.ts";
import { until } from "./until.ts";

const away = () => {
  throw new Unavailable("no answer");
};

test("it is ready when its dependencies answer, and says so", async () => {
  const gateway = testGateway();
  expect((await gateway.get("/ready")).json).toMatchObject({ ready: false, reasons: ["It is starting."] });
  expect((await gateway.get("/live")).status).toBe(200);
  await gateway.start();
  expect(await gateway.get("/ready")).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
  await gateway.stop();
  expect((await gateway.get("/ready")).json).toMatchObject({ ready: false, reasons: ["It is stopping."] });
});

test("it waits for dependencies that are not there yet, and answers meanwhile", async () => {
  const gateway = testGateway();
  gateway.requests.control.before = away;
  gateway.results.control.before = away;
  const started = gateway.start();
  await until("both are missed", () => gateway.complaints().length === 3);
  expect((await gateway.get("/requests")).status).toBe(503);
  gateway.requests.control.before = () => {};
  expect((await gateway.get("/requests")).status).toBe(200);
  gateway.results.control.before = () => {};
  await started;
  expect(gateway.complaints()).toEqual([]);
  await gateway.stop();
});

test("it is not ready while a dependency does not answer, and gets over it", async () => {
  const gateway = testGateway();
  await gateway.start();
  gateway.results.control.before = away;
  await until("it complains", () => gateway.complaints().length > 0);
  expect(gateway.complaints()).toEqual(["results-service does not answer."]);
  gateway.results.control.before = () => {};
  await until("it is well again", () => gateway.complaints().length === 0);
  expect(gateway.faults).toEqual([]);
  await gateway.stop();
});

test("stop is safe before start, twice, and while it starts", async () => {
  const early = testGateway();
  await early.stop();
  await early.stop();
  await early.start();
  expect([early.requests.calls, early.results.calls]).toEqual([{}, {}]);

  const starting = testGateway();
  starting.results.control.before = away;
  const started = starting.start();
  await until("it complains", () => starting.complaints().length > 1);
  await starting.stop();
  await started;
  expect(starting.complaints()).toEqual(["It is stopping."]);
});

test("a stop lets what is under way finish, the record of a refusal and all", async () => {
  const gateway = testGateway({ maxFailures: 1 });
  await gateway.start();
  const id = await gateway.stored();
  await gateway.started(id);
  gateway.requests.become(id, "failed");
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  gateway.requests.control.before = () => {
    arrived.resolve();
    return gate.promise;
  };
  const answer = gateway.post(`/requests/${id}/executions`);
  await arrived.promise;
  const stopped = gateway.stop();
  gate.resolve();
  expect((await answer).status).toBe(409);
  await stopped;
  expect(gateway.requests.refusals()).toHaveLength(1);
});
