import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCounters } from "../src/counters.ts";
import { createStandalone } from "../src/index.ts";
import { createLog } from "../src/log.ts";

type Run = { signal: AbortSignal };

/** What the answers have, of which each has a part. */
type Body = { id: string; type: string; status: string; results: object[] };

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sate-standalone-"));
  ends.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function standalone(
  dataDir: string,
  handler?: (run: Run) => Promise<{ kind: "succeeded"; outputsJson: string }>,
) {
  const fatal: string[] = [];
  const made = createStandalone(
    {
      handlers: {
        default: handler ?? (async () => ({ kind: "succeeded", outputsJson: '{"message":"pong"}' })),
      },
      log: createLog("standalone", "error", () => {}),
      counters: createCounters(),
      fatal: (what) => fatal.push(what),
    },
    {
      dataDir,
      maxFailures: 3,
      lostMax: 3,
      leaseMs: 30_000,
      confirmMs: 30_000,
      concurrency: 8,
      executionMs: 60_000,
      bodyBytesMax: 100_000,
      shutdownMs: 2_000,
    },
  );
  ends.push(made.stop);
  const ask = async (method: string, path: string, body?: string) => {
    const headers = { "content-type": "application/json" };
    const request = new Request(`http://localhost${path}`, { method, headers, ...(body && { body }) });
    const response = await made.app.handle(request);
    return { status: response.status, json: (await response.json()) as Body };
  };
  return { ...made, ask, fatal };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error("not within 10 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type Asked = ReturnType<typeof standalone>;

async function execute({ ask }: Asked): Promise<{ request: string; execution: string }> {
  const { json: request } = await ask("POST", "/requests", '{"payload":{"message":"ping"}}');
  const { status, json: execution } = await ask("POST", `/requests/${request.id}/executions`);
  expect(status).toBe(201);
  return {
    request: `/requests/${request.id}`,
    execution: `/requests/${request.id}/executions/${execution.id}`,
  };
}

describe("standalone", () => {
  test("executes what it is given, and has its result after a restart", async () => {
    const dataDir = folder();
    const first = standalone(dataDir);
    await first.start();
    expect(first.complaints()).toEqual([]);
    const { request } = await execute(first);
    const results = () => first.ask("GET", `${request}/results`);
    await until(async () => (await results()).json.results.length === 1);
    const before = await results();
    expect(before.json.results[0]).toMatchObject({ is_success: true, outputs: { message: "pong" } });
    await first.stop();
    const second = standalone(dataDir);
    await second.start();
    expect(await second.ask("GET", `${request}/results`)).toEqual(before);
    expect([...first.fatal, ...second.fatal]).toEqual([]);
  });

  test("a stop hands back what does not end, and the next start runs it again, not counted as lost", async () => {
    const dataDir = folder();
    const hanging = Promise.withResolvers<void>();
    const first = standalone(dataDir, async ({ signal }) => {
      hanging.resolve();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      throw new Error("not reached");
    });
    await first.start();
    const { execution } = await execute(first);
    await hanging.promise;
    await first.stop();
    const second = standalone(dataDir);
    await second.start();
    await until(async () => (await second.ask("GET", execution)).json.status === "succeeded");
    expect((await second.ask("GET", execution)).json).toMatchObject({ runs: 2, lost: 0 });
  });

  test("before the start and after the stop it answers 503 with a problem", async () => {
    const it = standalone(folder());
    await it.start();
    await it.stop();
    const { status, json } = await it.ask("POST", "/requests", '{"payload":1}');
    expect([status, json.type]).toEqual([503, "urn:sate:problem:unavailable"]);
    expect(it.complaints().length).toBeGreaterThan(0);
    await it.stop();
  });
});
