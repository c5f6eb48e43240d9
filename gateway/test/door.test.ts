import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { createDoor } from "../src/door.ts";
import { DeadlinePassed } from "../src/in-time.ts";
import { Refusal } from "../src/refusal.ts";
import { turnstile } from "../src/turnstile.ts";
import { json, named, testGateway } from "./gateway.ts";

const caller = () => ({ request: new Request("http://localhost/requests"), server: null });
const done = async () => new Response("done");

function nameOf(error: unknown): string {
  return error instanceof Refusal ? error.problemName : String(error);
}

test("so many may be under way and no more; the end of one makes room", async () => {
  const door = createDoor({ bodyBytesMax: 1_000 });
  const gate = Promise.withResolvers<void>();
  const inside = Array.from({ length: 4_096 }, () =>
    door.pass(caller(), {}, async () => {
      await gate.promise;
      return new Response("done");
    }),
  );
  expect(nameOf(await door.pass(caller(), {}, done).catch((error: unknown) => error))).toBe("overloaded");
  gate.resolve();
  await Promise.all(inside);
  expect((await door.pass(caller(), {}, done)).status).toBe(200);
});

test("clients whose bodies do not arrive keep nobody else out", async () => {
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

test("bodies together are bounded: beyond it 503 with Retry-After, and afterwards there is room again", async () => {
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

test("what does not answer in time is not waited for", async () => {
  const door = createDoor({ bodyBytesMax: 1_000, deadlineMs: 5 });
  const never = new Promise<Response>(() => {});
  const error = await door.pass(caller(), {}, () => never).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DeadlinePassed);
  await door.drained(0);
});

test("the door has drained when nothing is under way, or after its time", async () => {
  const door = createDoor({ bodyBytesMax: 1_000 });
  await door.drained(60_000);
  const gate = Promise.withResolvers<void>();
  const pass = door.pass(caller(), {}, () => gate.promise.then(done));
  await door.drained(1);
  const drained = door.drained(60_000);
  gate.resolve();
  await Promise.all([pass, drained]);
});

test("a turnstile lets so many be inside, in order, and refuses those beyond its line", async () => {
  const turn = turnstile({ atOnce: 1, waitingMax: 1, waitMsMax: 60_000, full: () => new Error("full") });
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = turn(async () => {
    await gate.promise;
    order.push("first");
    throw new Error("of the first alone");
  });
  const second = turn(async () => void order.push("second"));
  expect(await turn(done).catch((error: Error) => error.message)).toBe("full");
  gate.resolve();
  expect(await first.catch((error: Error) => error.message)).toBe("of the first alone");
  await second;
  expect(order).toEqual(["first", "second"]);
  await turn(async () => void order.push("third"));
  expect(order).toHaveLength(3);
});

test("whoever waited too long at a turnstile is refused, and those behind are not held up", async () => {
  const turn = turnstile({ atOnce: 1, waitingMax: 2, waitMsMax: -1, full: () => new Error("full") });
  const gate = Promise.withResolvers<void>();
  const first = turn(() => gate.promise);
  const late = [turn(done), turn(done)].map((one) => one.catch((error: Error) => error.message));
  gate.resolve();
  await first;
  expect(await Promise.all(late)).toEqual(["full", "full"]);
  expect((await turn(done)).status).toBe(200);
});
