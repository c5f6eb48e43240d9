import { expect, test } from "bun:test";
import { limits, type NewRequest, Unavailable } from "@sate/contracts";
import { createBatches } from "../../src/capacity/create-batches.ts";
import type { Refusal } from "../../src/http/problem-response.ts";
import { fakeRequests } from "../fakes/requests.ts";
import { named, testGateway } from "../support/gateway.ts";

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

test("of 50 concurrent executions of one request one is created, with few calls", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => gateway.post(`/requests/${id}/executions`)),
  );
  const created = answers.filter(({ status }) => status === 201);
  const refused = answers.filter((answer) => named(answer)[1] === "execution-active");
  expect([created.length, refused.length]).toEqual([1, 49]);
  const uri = created[0]?.headers.get("location") as string;
  expect(new Set(refused.map(({ json }) => json.execution_uri))).toEqual(new Set([uri]));
  expect(gateway.requests.calls.createExecutions).toBeLessThanOrEqual(2);
});

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
  expect(answers).toEqual(items.map(() => ({ kind: "created" })));
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

const troubles: [name: string, make: () => Error][] = [
  ["of our own", () => new TypeError("x")],
  ["refused by the service", () => new Unavailable("refused", { reason: "unexpected_response" })],
];
for (const [name, make] of troubles) {
  test(`a failing item does not fail its batch: ${name}`, async () => {
    const fake = fakeRequests();
    fake.control.before = (_, body: { requests: NewRequest[] }) => {
      if (body.requests.some(({ payload_json }) => payload_json === '"poison"')) throw make();
    };
    const { createRequest } = createBatches(fake.api, config);
    const items = Array.from({ length: 64 }, (_, index) => item(index === 20 ? '"poison"' : "1"));
    const settled = await Promise.allSettled(items.map(createRequest));
    const failed = settled.flatMap(({ status }, index) => (status === "rejected" ? [index] : []));
    expect(failed).toEqual([20]);
    expect(fake.calls.createRequests).toBeLessThan(20);
  });
}

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
  const { createRequest } = createBatches(
    {
      ...fake.api,
      async createRequests(body) {
        const { answers } = await fake.api.createRequests(body);
        const isKept = (index: number) => body.requests[index]?.payload_json !== "0";
        return { answers: answers.filter((_, index) => isKept(index)) };
      },
    },
    config,
  );
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
