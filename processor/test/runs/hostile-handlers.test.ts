import { afterEach, describe, expect, test } from "bun:test";
import { eventually, turns } from "../eventually.ts";
import { wakeUp } from "../fakes/broker.ts";
import { pong } from "../fakes/handlers.ts";
import { endAll, processorAmongFakes } from "../fakes/processor.ts";
import { onlyDefault } from "../fakes/processors.ts";

/** Handlers are code of others: whatever one returns or throws, its run has one outcome, and so has its neighbour. */

afterEach(endAll);

const fail = () => {
  throw new Error("a trap");
};
const trap = { get: fail, getPrototypeOf: fail, has: fail, ownKeys: fail };
const trapOf = (name: string, target: object) => Object.defineProperty(target, name, { get: fail });

type Given = { signal: AbortSignal; progress(...args: unknown[]): void; log(text: unknown): void };
const hostile: Record<string, (run: Given) => unknown> = {
  "returns null": async () => null,
  "returns undefined": async () => undefined,
  "returns without a promise": () => 7,
  "returns an object with a throwing getter": async () => trapOf("kind", {}),
  "returns outputs behind a throwing getter": async () => trapOf("outputsJson", { kind: "succeeded" }),
  "returns a failure whose code throws": async () => ({ kind: "failed", error: trapOf("code", {}) }),
  "returns a proxy that throws": async () => new Proxy({}, trap),
  "returns a promise whose then throws": () => trapOf("then", {}),
  "calls itself cancelled": async () => ({ kind: "cancelled" }),
  "calls itself timed out": async () => ({ kind: "timeout", deadlineMs: 1 }),
  "throws undefined": async () => Promise.reject(undefined),
  "throws synchronously": () => fail(),
  "throws an error whose name throws": async () => Promise.reject(trapOf("name", new Error("x"))),
  "throws an error whose name is an object that throws": async () => {
    throw Object.defineProperty(new Error("x"), "name", { value: { toString: () => "x", toJSON: fail } });
  },
  "throws an error whose cause throws": async () => Promise.reject(trapOf("cause", new Error("x"))),
  "throws a proxy that throws": async () => Promise.reject(new Proxy(new Error("x"), trap)),
  "misuses what it is given and throws": ({ progress, log }) => {
    progress(trapOf("valueOf", {}), trap);
    progress(Number.NaN);
    log(trapOf("toString", {}));
    log(undefined);
    return fail();
  },
  "takes the signal from its run and throws": (run) => {
    Object.assign(run, { signal: null });
    return fail();
  },
};

describe("whatever a hostile handler does: one dead letter, and its neighbour succeeds", () => {
  test.each(Object.keys(hostile))("it %s", async (name) => {
    const served = { ...onlyDefault(pong), hostile: hostile[name] as never };
    const { processor, requests, consumer, publisher, count } = processorAmongFakes({ served });
    const ref = { ...requests.queue({ processor: "hostile" }), processor: "hostile" };
    const neighbour = requests.queue();
    await processor.start();
    await consumer.deliver([wakeUp(ref), wakeUp(neighbour)]);
    await eventually(() => publisher.published.length === 2, "both are published");
    await turns();
    expect(requests.get(ref)).toMatchObject({
      status: "dead_lettered",
      epoch: 1,
      lost: 0,
      outcome: { error: { code: "unexpected_error" } },
    });
    expect(requests.get(neighbour)).toMatchObject({ status: "succeeded", epoch: 1, lost: 0 });
    expect(count("runs_started")).toBe(2);
    expect(publisher.published).toHaveLength(2);
  });
});
