import { afterEach, describe, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "./sqlite/opened.ts";
import { type Standalone, standaloneIn } from "./standalone.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { until } from "./until.ts";

const parent = temporaryFolder();
const folder = () => newFolder(parent);
const ends: Standalone[] = [];
afterEach(async () => {
  for (const one of ends.splice(0).reverse()) await one.stop();
});

function standalone(...args: Parameters<typeof standaloneIn>): Standalone {
  const made = standaloneIn(...args);
  ends.push(made);
  return made;
}

async function execute({ ask }: Standalone): Promise<{ request: string; execution: string }> {
  const { json: request } = await ask("POST", "/requests", '{"payload":{"message":"ping"}}');
  const { status, json: execution } = await ask("POST", `/requests/${request.id}/executions`);
  expect(status).toBe(201);
  return {
    request: `/requests/${request.id}`,
    execution: `/requests/${request.id}/executions/${execution.id}`,
  };
}

describe("standalone", () => {
  test("an execution succeeds, and its result survives a restart", async () => {
    const dataDir = folder();
    const first = standalone(dataDir);
    await first.start();
    expect(await first.notReadyReasons()).toEqual([]);
    const { request } = await execute(first);
    const results = () => first.ask("GET", `${request}/results`);
    await until("it has ended", async () => (await results()).json.results.length === 1);
    const before = await results();
    expect(before.json.results[0]).toMatchObject({ is_success: true, outputs: { message: "pong" } });
    await first.stop();
    const second = standalone(dataDir);
    await second.start();
    expect(await second.ask("GET", `${request}/results`)).toEqual(before);
    expect([...first.fatal, ...second.fatal]).toEqual([]);
  });

  test("a stop requeues a run that does not end, not counted as lost, and the next start runs it again", async () => {
    const dataDir = folder();
    const hanging = Promise.withResolvers<void>();
    const first = standalone(dataDir, {
      async handler({ signal }) {
        hanging.resolve();
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        throw new Error("not reached");
      },
    });
    await first.start();
    const { execution } = await execute(first);
    await hanging.promise;
    await first.stop();
    const second = standalone(dataDir);
    const startedAt = performance.now();
    await second.start();
    await until("it has ended", async () => (await second.ask("GET", execution)).json.status === "succeeded");
    // It waits for no sweep, of which the outbox needs two.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await second.ask("GET", execution)).json).toMatchObject({ runs: 2, lost: 0 });
  });

  test("while writes fail it is not ready, a 503 says that nothing was done, and reads work", async () => {
    const it = standalone(folder(), { leaseMs: 1_000 });
    await it.start();
    expect(await it.ask("GET", "/ready")).toMatchObject({ status: 200, json: { ready: true } });
    it.file.db.run("PRAGMA query_only = ON");
    await until("it is not ready", async () => (await it.ask("GET", "/ready")).status === 503);
    expect((await it.ask("GET", "/ready")).json.reasons).toContainEqual(
      expect.stringMatching(/^sate\.db cannot be written: .*SQLITE_READONLY/),
    );
    const refused = await it.ask("POST", "/requests", '{"payload":1}');
    expect([refused.status, refused.json.detail]).toEqual([503, expect.stringContaining("Nothing was done")]);
    expect((await it.ask("GET", "/requests")).status).toBe(200);
    it.file.db.run("PRAGMA query_only = OFF");
    await until("it is ready again", async () => (await it.ask("GET", "/ready")).status === 200);
  }, 20_000);

  test("after the stop it responds with 503 and a problem", async () => {
    const it = standalone(folder());
    await it.start();
    await it.stop();
    const { status, json } = await it.ask("POST", "/requests", '{"payload":1}');
    expect([status, json.type]).toEqual([503, "urn:sate:problem:unavailable"]);
    expect(await it.notReadyReasons()).toEqual(["It is stopping."]);
    await it.stop();
  });

  test("it is not ready, and accepts nothing, while its file is gone", async () => {
    const dataDir = folder();
    const it = standalone(dataDir);
    await it.start();
    expect((await it.ask("GET", "/ready")).status).toBe(200);
    const path = join(dataDir, "sate.db");
    renameSync(path, `${path}.away`);
    const ready = await it.ask("GET", "/ready");
    expect([ready.status, JSON.stringify(ready.json)]).toEqual([
      503,
      expect.stringContaining("sate.db was moved"),
    ]);
    expect((await it.ask("POST", "/requests", '{"payload":1}')).status).toBe(503);
    renameSync(`${path}.away`, path);
    expect((await it.ask("POST", "/requests", '{"payload":1}')).status).toBe(201);
    await until("it is ready again", async () => (await it.ask("GET", "/ready")).status === 200);
  });
});
