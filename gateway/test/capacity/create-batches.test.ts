import { expect, test } from "bun:test";
import { limits, type NewRequest, Unavailable } from "@sate/contracts";
import { createBatches } from "../../src/capacity/create-batches.ts";
import type { Refusal } from "../../src/http/problem-response.ts";
import { fakeRequests } from "../fakes/requests.ts";

const payload = (size: number) => JSON.stringify("x".repeat(size - 2));
const item = (payload_json = "1"): NewRequest => ({ id: Bun.randomUUIDv7(), payload_json });
const config = { bodyBytesMax: limits.bodyBytesDefault };

/** Holds calls until `release`; tells when the first one has arrived. */
function held(fake: ReturnType<typeof fakeRequests>) {
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  fake.control.before = () => {
    arrived.resolve();
    return gate.promise;
  };
  return { release: gate.resolve, arrived: arrived.promise };
}

test("one call is in flight at a time; the next carries what arrived meanwhile, and each item gets its own result", async () => {
  const fake = fakeRequests();
  const { createRequest } = createBatches(fake.api, config);
  const { release, arrived } = held(fake);
  const first = createRequest(item());
  await arrived;
  const items = Array.from({ length: limits.batchItemsMax + 1 }, (_, index) => item(String(index)));
  const others = items.map(createRequest);
  expect(fake.calls.createRequests).toBe(1);
  release();
  await first;
  const answers = await Promise.all(others);
  expect(fake.calls.createRequests).toBe(3);
  expect(answers).toEqual(items.map(({ id }) => ({ kind: "created", request_id: id, is_replay: false })));
  const stored = items.map(({ id }) => fake.requests.get(id)?.payload_json);
  expect(stored).toEqual(items.map(({ payload_json }) => payload_json));
});

test("a call carries at most the bytes of a batch", async () => {
  const fake = fakeRequests();
  const sizes: number[] = [];
  fake.control.before = (_, body: { requests: NewRequest[] }) => {
    sizes.push(body.requests.reduce((sum, { payload_json }) => sum + payload_json.length, 0));
  };
  const { createRequest } = createBatches(fake.api, config);
  const large = payload(limits.bodyBytesCeiling);
  await Promise.all(Array.from({ length: 10 }, () => createRequest(item(large))));
  expect(Math.max(...sizes)).toBeLessThanOrEqual(limits.batchBytesMax);
  expect(sizes.length).toBeLessThan(10);
});

test.each([
  ["of our own", new TypeError("x")],
  ["refused by the service", new Unavailable("refused", { reason: "unexpected_response" })],
])("a failing item does not fail its batch: %s", async (_, error) => {
  const fake = fakeRequests();
  fake.control.before = (_name, body: { requests: NewRequest[] }) => {
    if (body.requests.some(({ payload_json }) => payload_json === '"poison"')) throw error;
  };
  const { createRequest } = createBatches(fake.api, config);
  const items = Array.from({ length: 64 }, (_, index) => item(index === 20 ? '"poison"' : "1"));
  const settled = await Promise.allSettled(items.map(createRequest));
  const failed = settled.flatMap(({ status }, index) => (status === "rejected" ? [index] : []));
  expect(failed).toEqual([20]);
  expect(fake.calls.createRequests).toBeLessThan(20);
});

test("a repeated call that failed is never reported as not done", async () => {
  const fake = fakeRequests();
  fake.control.before = () => {
    const reason = fake.calls.createRequests === 1 ? "unexpected_response" : "not_done";
    throw new Unavailable("no", { reason });
  };
  const { createRequest } = createBatches(fake.api, config);
  const reasons = await Promise.all(
    [item(), item()].map((one) => createRequest(one).catch((error: Unavailable) => error.reason)),
  );
  expect(reasons).toEqual(["no_response", "no_response"]);
  const alone = await createRequest(item()).catch((error: Unavailable) => error.reason);
  expect(alone).toBe("not_done");
});

test("a call without a response is not repeated for each item", async () => {
  const fake = fakeRequests();
  fake.control.before = () => {
    throw new Unavailable("no response");
  };
  const { createRequest } = createBatches(fake.api, config);
  const settled = await Promise.allSettled(Array.from({ length: 64 }, () => createRequest(item())));
  expect(settled.every(({ status }) => status === "rejected")).toBe(true);
  expect(fake.calls.createRequests).toBe(1);
});

test("a missing result fails its item, not the batch", async () => {
  const fake = fakeRequests();
  const createRequests: typeof fake.api.createRequests = async (body) => {
    const { answers } = await fake.api.createRequests(body);
    return { answers: answers.filter((_, index) => body.requests[index]?.payload_json !== "0") };
  };
  const { createRequest } = createBatches({ ...fake.api, createRequests }, config);
  const settled = await Promise.allSettled(["0", "1", "2"].map((one) => createRequest(item(one))));
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
});

test("an item that waited too long is refused and not sent", async () => {
  const fake = fakeRequests();
  const { createRequest } = createBatches(fake.api, { ...config, waitMsMax: -1 });
  const error = await createRequest(item()).catch((error: unknown) => error);
  expect((error as Refusal).problemName).toBe("overloaded");
  expect(fake.calls).toEqual({});
});
