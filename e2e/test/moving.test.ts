import { expect, test } from "bun:test";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { type Client, createClient } from "../src/clients/client.ts";
import { settle, startLoad } from "../src/clients/load.ts";
import { root } from "../src/system/processes.ts";
import { startServers } from "../src/system/servers.ts";
import { startSystem } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const settings = {
  LEASE_SECONDS: "5",
  MAX_LOST: "100",
  CONFIRM_SECONDS: "1",
  PROCESSING_SECONDS: "0.05",
  SHUTDOWN_SECONDS: "4",
  LOG_LEVEL: "error",
  SERVICE_TOKEN: "e2e-token-of-the-services",
};
const payload = '{ "n": 9007199254740993, "s": "\\ud800", "n": 1e400 }';

/** Runs `bun run move`, and returns its process. Its output is that of no terminal. */
function move(env: Record<string, string>, url: string) {
  const main = join(root, "standalone/src/move/command/main.ts");
  return Bun.spawn([process.execPath, main, "--from", url], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Executions in every state: their requests by what they are. */
async function everyKind(client: Client) {
  const executed = async (what: unknown, processor?: string, body?: object) => {
    const requestId = await client.createRequest(what, processor);
    const { status, json } = await client.execute(requestId, body);
    expect(status).toBe(201);
    return { requestId, executionId: json.id };
  };
  const ended = async (...args: Parameters<typeof executed>) => {
    const one = await executed(...args);
    await client.results(one.requestId);
    return one;
  };
  const exhausted = await ended({ do: "fail" }, "acts-module");
  for (let failures = 1; failures < 3; failures++) {
    expect((await client.execute(exhausted.requestId)).status).toBe(201);
    await client.results(exhausted.requestId, failures + 1);
  }
  expect((await client.execute(exhausted.requestId)).status).toBe(409);
  const raw = await client.ask("POST", "/requests", `{"payload":${payload}}`);
  return {
    exhausted,
    stored: { requestId: raw.json.id },
    succeeded: await ended({ do: "work" }, "acts-module"),
    failed: await ended({}, undefined, { force_error: true }),
    later: await executed({}, undefined, { start_after: new Date(Date.now() + 3_600_000).toISOString() }),
    // Longer than the time of a stop: it is requeued.
    running: await executed({ do: "hang" }, "acts-module"),
  };
}

/** Creates and executes a request under an Idempotency-Key, or finds it again. */
async function keyed(url: string) {
  const response = await fetch(`${url}/requests`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": "moved-1" },
    body: '{"payload":{"keyed":1},"execute":true}',
  });
  const { id } = (await response.json()) as { id: string };
  return { status: response.status, id, replayed: response.headers.get("idempotency-replayed") };
}

if (Bun.env.SYSTEM === "cluster") {
  test("a standalone in use moves to the distributed system: nothing is lost, changed or run twice, also if the command is killed", async () => {
    const servers = await startServers();
    const { addresses } = servers;
    const standalone = await startSystem("standalone", { settings });
    const load = startLoad(standalone.url, { clients: 8, name: "moving" });
    const kinds = await everyKind(createClient(standalone.url));
    const first = await keyed(standalone.url);
    expect(first).toMatchObject({ status: 201, replayed: null });
    const reads = async (client: Client) => {
      const { exhausted, stored, succeeded, failed, later } = kinds;
      const paths = [exhausted, stored, succeeded, failed, later].flatMap(({ requestId, ...rest }) => [
        `/requests/${requestId}`,
        `/requests/${requestId}/executions`,
        `/requests/${requestId}/results`,
        ...("executionId" in rest ? [`/requests/${requestId}/executions/${rest.executionId}/log`] : []),
      ]);
      return Promise.all(paths.map(async (path) => [path, (await client.get(path)).text]));
    };
    const before = await reads(createClient(standalone.url));
    await until("there is enough to move", 60_000, () => load.history.executions.length > 600);

    const mongo = new MongoClient(addresses.REQUESTS_MONGO_URL);
    const moves = mongo.db().collection<{ _id: string }>("moves");
    const killed = move(addresses, standalone.url);
    await until(
      "requests are copied",
      60_000,
      async () => moves.findOne({ _id: "position:requests" }).then(Boolean),
      2,
    );
    killed.kill("SIGKILL");
    await killed.exited;
    const acknowledged = load.history.requests.size;
    await until("the load goes on", 60_000, () => load.history.requests.size > acknowledged + 50);

    const second = move(addresses, standalone.url);
    const [code, said] = await Promise.all([second.exited, second.stdout.text()]);
    expect([code, said]).toEqual([0, expect.stringContaining("Everything was moved and compared")]);
    await mongo.close();
    await load.stop();
    const runLog = readFileSync(standalone.runLog, "utf8");
    await standalone.stop();
    const inherited = { ...process.env, ...addresses };
    const cluster = await startSystem("cluster", { settings, inherited, scale: { processor: 2 } });
    try {
      appendFileSync(cluster.runLog, runLog);
      const client = createClient(cluster.url);
      expect(await reads(client)).toEqual(before);
      expect((await client.get(`/requests/${kinds.stored.requestId}`)).text).toContain(
        `"payload":${payload}`,
      );
      expect((await client.execute(kinds.succeeded.requestId)).json.type).toEndWith(":already-succeeded");
      expect((await client.execute(kinds.exhausted.requestId)).json.type).toEndWith(":failures-exhausted");
      expect((await client.execute(kinds.later.requestId)).json.type).toEndWith(":execution-active");
      expect(await keyed(cluster.url)).toEqual({ ...first, replayed: "true" });
      const { requestId, executionId } = kinds.running;
      await until("what was running runs again", 60_000, async () => {
        const { json } = await client.get(`/requests/${requestId}/executions/${executionId}`);
        return json.status === "running" && json.runs === 2 && json.lost === 0;
      });
      await client.post(`/requests/${requestId}/executions/${executionId}/cancel`);
      expect(await client.ended(requestId, executionId)).toBe("cancelled");
      expect(await settle(cluster, load)).toBeGreaterThan(600);
    } finally {
      await cluster.stop();
      await servers.stop();
    }
  }, 300_000);
}
