import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { DeadlinePassed } from "@sate/contracts/runtime";
import { createIngress } from "../../src/capacity/ingress.ts";
import { Refusal } from "../../src/http/problem-response.ts";
import { json, named, testGateway } from "../support/gateway.ts";

const request = () => new Request("http://localhost/requests");
const done = async () => new Response("done");
const never = () => new Promise<Response>(() => {});

function nameOf(error: unknown): string {
  return error instanceof Refusal ? error.problemName : String(error);
}
const refusalOf = (work: Promise<unknown>) => work.then(() => "none", nameOf);

test.each([
  ["create", 4_096],
  ["readRequests", 64],
  ["readResults", 64],
] as const)(
  "%s: %d in progress, 2,000 waiting, first come, first served, the next is refused at once",
  async (kind, atOnce) => {
    const ingress = createIngress({ waitMsMax: 60_000 });
    const gate = Promise.withResolvers<void>();
    const order: number[] = [];
    const serve = (number: number) =>
      ingress.serve(request(), kind, async () => {
        order.push(number);
        await gate.promise;
        return new Response("done");
      });
    const all = Array.from({ length: atOnce + 2_000 }, (_, number) => serve(number));
    expect(await refusalOf(serve(-1))).toBe("overloaded");
    expect(order).toHaveLength(atOnce);
    gate.resolve();
    await Promise.all(all);
    expect(order).toEqual(all.map((_, number) => number));
  },
);

test("a request that waited too long is refused", async () => {
  const ingress = createIngress({ waitMsMax: 5, responseMsMax: 50 });
  const end = Promise.withResolvers<Response>();
  const under = Array.from({ length: 64 }, () =>
    ingress.serve(request(), "readRequests", () => end.promise).catch(nameOf),
  );
  expect(await refusalOf(ingress.serve(request(), "readRequests", done))).toBe("overloaded");
  end.resolve(new Response("done"));
  await Promise.all(under);
  expect((await ingress.serve(request(), "readRequests", done)).status).toBe(200);
});

test("clients whose bodies do not arrive do not block others", async () => {
  const gateway = testGateway();
  const ends: (() => void)[] = [];
  const stalled = Array.from({ length: 5_000 }, () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('{"p'));
        ends.push(() => controller.close());
      },
    });
    return gateway.ask("POST", "/requests", body, json);
  });
  expect((await gateway.post("/requests", '{"payload":1}')).status).toBe(201);
  for (const end of ends) end();
  expect((await Promise.all(stalled)).every(({ status }) => status === 400)).toBe(true);
});

test("bodies beyond the byte budget get 503 with Retry-After until it is free again", async () => {
  const gateway = testGateway({ bodyBytesMax: limits.bodyBytesCeiling });
  const gate = Promise.withResolvers<void>();
  gateway.requests.control.before = () => gate.promise;
  const body = `{"payload":"${"x".repeat(limits.bodyBytesCeiling - 14)}"}`;
  const answers = Array.from({ length: 13 }, () => gateway.ask("POST", "/requests", body, json));
  const refused = await Promise.race(answers);
  expect(named(refused)).toEqual([503, "overloaded"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  gate.resolve();
  const statuses = (await Promise.all(answers)).map(({ status }) => status).sort();
  const created = statuses.filter((status) => status === 201).length;
  expect(created).toBeGreaterThan(8);
  expect(created).toBeLessThanOrEqual(12);
  expect(statuses.filter((status) => status === 503)).toHaveLength(13 - created);
  expect((await gateway.ask("POST", "/requests", body, json)).status).toBe(201);
});

test("a hanging service delays only the requests that need it", async () => {
  const ingress = createIngress({ responseMsMax: 60_000 });
  for (let count = 0; count < 1_000; count++) ingress.serve(request(), "readResults", never).catch(() => {});
  expect((await ingress.serve(request(), "readRequests", done)).status).toBe(200);
  expect((await ingress.serve(request(), "create", done)).status).toBe(200);
});

test("work beyond the deadline is not waited for, and keeps its permit and its bytes until it ends", async () => {
  const ingress = createIngress({ responseMsMax: 5, waitMsMax: 5 });
  const end = Promise.withResolvers<Response>();
  const one = request();
  ingress.hold(one, 1_000);
  const late = [one, ...Array.from({ length: 63 }, request)].map((each) =>
    ingress.serve(each, "readResults", () => end.promise).catch((error: unknown) => error),
  );
  for (const error of await Promise.all(late)) expect(error).toBeInstanceOf(DeadlinePassed);
  expect(ingress.heldBytes()).toBeGreaterThan(0);
  expect(await refusalOf(ingress.serve(request(), "readResults", done))).toBe("overloaded");
  end.resolve(new Response("done"));
  await end.promise;
  expect((await ingress.serve(request(), "readResults", done)).status).toBe(200);
  expect(ingress.heldBytes()).toBe(0);
});

test("bytes are released when the work ends or will not start", async () => {
  const ingress = createIngress();
  const [one, other] = [request(), request()];
  for (const bytes of [10, 20]) ingress.hold(one, bytes);
  ingress.hold(other, 40);
  const both = ingress.heldBytes();
  expect(both).toBeGreaterThanOrEqual(70);
  await ingress.serve(one, "create", done);
  expect(ingress.heldBytes()).toBeLessThan(both);
  ingress.release(other);
  ingress.release(other);
  expect(ingress.heldBytes()).toBe(0);
});

test("bodies without a byte yet count against the budget", () => {
  const ingress = createIngress();
  const hold = () => ingress.hold(request(), 0);
  for (let count = 0; count < 24 * 1_024; count++) hold();
  expect(hold).toThrow(Refusal);
});

test("a request refused after its body was read releases its bytes", async () => {
  const gateway = testGateway({ bodyBytesMax: limits.bodyBytesCeiling });
  const filler = "x".repeat(limits.bodyBytesCeiling - 100);
  const unknown = "01900000-0000-7000-8000-000000000000";
  const refusals: [path: string, body: string, status: number][] = [
    ["/requests", `{"payload":"${filler}","x":1}`, 422],
    ["/requests", `{"payload":"${filler}`, 400],
    ["/requests", `{"payload":"${filler}","payload":1}`, 400],
    ["/requests?x=1", `{"payload":"${filler}"}`, 400],
    ["/requests/none/executions", `{"force_error":${" ".repeat(filler.length)}true}`, 404],
    [`/requests/${unknown}/executions`, `{${" ".repeat(filler.length)}}`, 404],
    [`/requests/${unknown}/executions/none/cancel`, `{"x":"${filler}"}`, 404],
  ];
  // Each alone is more than the room for all, were it not given back.
  for (const [path, body, status] of refusals) {
    for (let count = 0; count < 13; count++) {
      expect([path, (await gateway.post(path, body)).status]).toEqual([path, status]);
    }
  }
  expect((await gateway.post("/requests", `{"payload":"${filler}"}`)).status).toBe(201);
});
