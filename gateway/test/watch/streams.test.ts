import { afterEach, describe, expect, test } from "bun:test";
import { limits, Unavailable } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { eventsOf } from "../support/event-stream.ts";
import { answerOf, named, type TestGateway } from "../support/gateway.ts";
import { withExecution } from "../support/watched.ts";

let open: TestGateway[] = [];
afterEach(() => {
  for (const gateway of open) gateway.endWaits();
  open = [];
});

type Headers = Record<string, string>;

async function withStream() {
  const given = await withExecution();
  open.push(given.gateway);
  const ask = async (path: string, headers: Headers = {}, signal?: AbortSignal) =>
    given.gateway.app.handle(
      new Request(`http://localhost${path}/events`, { headers, ...(signal && { signal }) }),
    );
  const stream = async (headers?: Headers, signal?: AbortSignal) =>
    eventsOf(await ask(given.path, headers, signal));
  const since = (id: string) => ({ "last-event-id": id });
  return { ...given, ask, stream, since };
}

describe("a stream", () => {
  test("begins with the present state, shows each change, and ends with the result", async () => {
    const { stream, become, record, write, path } = await withStream();
    const { response, events, ended, names, log, lastId } = await stream();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    await until("the present state", () => names().join() === "queued");
    become("running", { epoch: 1 });
    await until("it runs", () => names().at(-1) === "running");
    become("running", { progress: { fraction: 0.5, message: "half" } });
    await until("its progress", () => names().at(-1) === "progress");
    expect(events.at(-1)?.json).toEqual({ fraction: 0.5, message: "half" });
    write(1, "one\n", "two\n");
    await until("its log", () => log() === "one\ntwo\n");
    write(1, "three\n");
    become("succeeded", { progress: undefined as never });
    await until("it has ended", () => names().at(-1) === "log");
    record({ outputs_json: '{"a":\r\n1e400,\r"b":\n2}' });
    await ended;
    expect(names()).toEqual(["queued", "running", "progress", "log", "log", "succeeded", "log", "result"]);
    expect(log()).toBe("one\ntwo\nthree\n");
    expect(events[0]?.json).toMatchObject({ events_uri: `${path}/events` });
    expect(events[0]?.data).not.toContain("payload");
    expect(events.at(-1)?.data).toContain('"outputs":{"a":\n1e400,\n"b":\n2}');
    expect(lastId()).toStartWith("end.");
  });

  test("of an execution that has ended shows its state, its whole log and its result", async () => {
    const { stream, become, record, write } = await withStream();
    // The fake returns three chunks at a time.
    const lines = Array.from({ length: 10 }, (_, index) => `${index}\n`);
    write(1, ...lines);
    write(2, "again\n", "\u001b[31m\u0000\u009b\n");
    become("failed", { epoch: 2 });
    record();
    const { names, log, events, ended } = await stream();
    await ended;
    expect([names()[0], names().at(-1)]).toEqual(["failed", "result"]);
    expect(log()).toBe(`${lines.join("")}again\n\\x1b[31m\\x00\\x9b\n`);
    expect(events.flatMap(({ json }) => json.run ?? [])).toEqual([...lines.map(() => 1), 2, 2]);
  });

  test("of an execution that never ran reads no log", async () => {
    const { gateway, stream, become, record } = await withStream();
    become("cancelled");
    record();
    const { names, ended } = await stream();
    await ended;
    expect([names(), gateway.requests.calls.followLogs]).toEqual([["cancelled", "result"], undefined]);
  });

  test("outlasts an outage of either service", async () => {
    const { gateway, stream, become, record } = await withStream();
    const { names, ended } = await stream();
    await until("the present state", () => names().length === 1);
    const away = () => Promise.reject(new Unavailable("no response"));
    gateway.requests.control.before = away;
    gateway.results.control.before = away;
    become("failed", { epoch: 1 });
    record();
    await until("the poll has failed", () => (gateway.counters.read().polls_failed ?? 0) > 1);
    gateway.requests.control.before = () => {};
    gateway.results.control.before = () => {};
    await ended;
    expect(names()).toEqual(["queued", "failed", "result"]);
  });

  test("that fails unexpectedly is closed, and the log says why", async () => {
    const { gateway, stream, become, record } = await withStream();
    const fails = () => Promise.reject(new TypeError("a bug"));
    Object.assign(gateway.results.api, { resultsOfExecution: fails });
    become("succeeded", { epoch: 1 });
    record();
    const { ended } = await stream();
    await expect(ended).rejects.toThrow("a bug");
    expect(gateway.lines.at(-1)).toContain('"message":"an event stream failed unexpectedly"');
    expect(gateway.lines.at(-1)).toContain('"error":"TypeError"');
  });

  test("ends when the execution is removed, and when the gateway stops", async () => {
    const { gateway, stream, ask, path } = await withStream();
    const first = await stream();
    await until("the present state", () => first.names().length === 1);
    gateway.endWaits();
    await first.ended;
    expect(named(await answerOf(await ask(path)))).toEqual([503, "overloaded"]);
    const other = await withStream();
    Object.assign(other.gateway.requests.api, { executionStates: async () => ({ states: [null] }) });
    const removed = await other.stream();
    await removed.ended;
    expect(removed.names()).toEqual(["queued"]);
  });

  test("ends with the status if the result is removed, and is not begun again", async () => {
    const { gateway, ask, path, since, stream, become, record } = await withStream();
    become("succeeded");
    // A result that was removed counts as recorded.
    record();
    Object.assign(gateway.results.api, { resultsOfExecution: async () => ({ results: [] }) });
    const { names, events, ended, lastId } = await stream();
    await until("the present state", () => names().length === 1);
    become("succeeded", { removed_at: 1_600_000_000_000 });
    await ended;
    expect(names()).toEqual(["succeeded", "succeeded"]);
    expect(events[1]?.json).toMatchObject({ removed_at: "2020-09-13 12:26:40.000000" });
    expect((await ask(path, since(lastId()))).status).toBe(204);
    const later = await stream();
    await later.ended;
    expect(later.events.map(({ json }) => json)).toEqual([events[1]?.json as never]);
  });

  test("of an unknown execution is a 404, and HEAD opens none", async () => {
    const { gateway, ask, path, ref } = await withStream();
    const unknown = await answerOf(await ask(path.replace(ref.execution_id, Bun.randomUUIDv7())));
    expect(named(unknown)).toEqual([404, "execution-not-found"]);
    const head = await gateway.ask("HEAD", `${path}/events`);
    expect([head.status, head.text, head.headers.get("content-type")]).toEqual([
      200,
      "",
      "text/event-stream",
    ]);
    expect(gateway.requests.calls.executionStates).toBeUndefined();
  });
});

describe("a client that connects again with the id of its last event", () => {
  test("gets what it has missed, and nothing twice", async () => {
    const { stream, since, become, record, write } = await withStream();
    write(1, "a", "b", "c", "d");
    become("running", { epoch: 1 });
    const client = new AbortController();
    const first = await stream({}, client.signal);
    await until("four chunks", () => first.log() === "abcd");
    client.abort();
    const second = first.events[2] as { id: string };
    write(1, "e");
    const again = await stream(since(second.id));
    await until("the rest", () => again.log() === "cde");
    expect(again.names()).toEqual(["log", "log", "log"]);
    become("succeeded");
    record();
    await again.ended;
    expect(again.names().slice(3)).toEqual(["succeeded", "result"]);
    const last = await stream(since(again.events.at(-2)?.id as string));
    await last.ended;
    expect(last.names()).toEqual(["result"]);
  });

  test("is shown the present state if that has changed", async () => {
    const { stream, since, become } = await withStream();
    const client = new AbortController();
    const first = await stream({}, client.signal);
    await until("the present state", () => first.names().length === 1);
    client.abort();
    become("running", { epoch: 1, progress: { fraction: 0.1 } });
    const again = await stream(since(first.lastId()));
    await until("the present state", () => again.names().length === 1);
    expect(again.events[0]).toMatchObject({
      event: "status",
      json: { status: "running", progress: { fraction: 0.1 } },
    });
  });

  test("gets 204 only after the last event of an execution that has ended", async () => {
    const { ask, path, since, stream, become, record } = await withStream();
    become("succeeded");
    record();
    const whole = await stream();
    await whole.ended;
    const after = await ask(path, since(whole.lastId()));
    expect([after.status, await after.text()]).toEqual([204, ""]);
    become("queued");
    const early = await stream(since(whole.lastId()));
    await until("the present state", () => early.names().length === 1);
    expect(early.names()).toEqual(["queued"]);
  });

  test.each(["", "x", "1", "end", "end.1", "end.-1-0", `${"a".repeat(12)}.0-0`, "AAAAAAAAAAA.0-99999999999"])(
    "an id that is none of ours is ignored: %p",
    async (id) => {
      const { stream, since, become, record } = await withStream();
      become("succeeded");
      record();
      const { names, ended } = await stream(since(id));
      await ended;
      expect(names()).toEqual(["succeeded", "result"]);
    },
  );
});

test("logs are polled only for streams whose execution is running or has just ended", async () => {
  const { gateway, stream, become } = await withStream();
  const follows = () => gateway.requests.calls.followLogs ?? 0;
  const { names } = await stream();
  await until("it is polled", () => (gateway.requests.calls.executionStates ?? 0) > 5);
  expect(follows()).toBe(0);
  become("running", { epoch: 1 });
  await until("its log is polled", () => follows() > 2);
  become("queued");
  await until("it waits again", () => names().at(-1) === "queued");
  const before = follows();
  const states = gateway.requests.calls.executionStates ?? 0;
  await until("it is polled on", () => (gateway.requests.calls.executionStates ?? 0) > states + 30);
  expect(follows()).toBeLessThanOrEqual(before + 1);
}, 30_000);

describe("limits", () => {
  test(`each API key may have ${limits.streamsPerKeyMax} streams, and a stream that ends makes room`, async () => {
    const [one, other] = [newKey("one", ["read", "submit"]), newKey("other", ["read"])];
    const { keys } = readKeys(`${one.entry},${other.entry}`, "keys");
    const given = await withExecution({ apiKeys: keys }, {}, as(one.key));
    open.push(given.gateway);
    const client = new AbortController();
    const ask = (key: string) =>
      given.gateway.app.handle(
        new Request(`http://localhost${given.path}/events`, { headers: as(key), signal: client.signal }),
      );
    for (let count = 0; count < limits.streamsPerKeyMax; count++)
      eventsOf(await ask(one.key)).ended.catch(() => {});
    const refused = await answerOf(await ask(one.key));
    expect([...named(refused), refused.headers.get("retry-after")]).toEqual([429, "too-many-streams", "5"]);
    expect((await ask(other.key)).status).toBe(200);
    client.abort();
    const again = await given.gateway.app.handle(
      new Request(`http://localhost${given.path}/events`, { headers: as(one.key) }),
    );
    expect(again.status).toBe(200);
  });

  test(`a gateway has ${limits.streamsMax} streams`, async () => {
    const { gateway, stream, ask, path } = await withStream();
    const streams = [];
    for (let count = 0; count < limits.streamsMax; count++) streams.push(await stream());
    expect(named(await answerOf(await ask(path)))).toEqual([503, "overloaded"]);
    expect((await gateway.get("/requests")).status).toBe(200);
    gateway.endWaits();
    await Promise.all(streams.map(({ ended }) => ended));
  }, 60_000);
});

const as = (key: string) => ({ authorization: `Bearer ${key}` });
