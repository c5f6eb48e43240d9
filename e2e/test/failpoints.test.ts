import { describe, expect, test } from "bun:test";
import { type Client, createClient } from "../src/clients/client.ts";
import { settle, startLoad } from "../src/clients/load.ts";
import { walk } from "../src/clients/walk.ts";
import { runsByExecution } from "../src/runs/run-log.ts";
import { failpoints } from "../src/system/failpoints.ts";
import { killAndRestart, type System, startSystem } from "../src/system/system.ts";
import { until } from "../src/until.ts";

/**
 * `kill -9` in every gap between two writes. Each failpoint fires once, the process is started again, and everything
 * acknowledged must have ended as promised, exactly once.
 */
const settings = {
  LEASE_SECONDS: "3",
  MAX_FAILURES: "2",
  MAX_LOST: "100",
  CONFIRM_SECONDS: "1",
  PROCESSING_SECONDS: "0.05",
  LOG_LEVEL: "error",
  SERVICE_TOKEN: "e2e-token-of-the-services",
};
const scale = { "requests-service": 2, processor: 2, "results-listener": 2 };
const firedMs = 90_000;

/** Repeats a call without a response: the gateway may just have been killed. */
function answered<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
  return until("a response", 60_000, async () => {
    const answer = await ask();
    return answer.status < 500 && answer;
  });
}

/** Exhausts the failures of a request, and checks the refusal of one more attempt, and its dead letter. */
async function exhaust(client: Client, system: System): Promise<void> {
  const { id: requestId } = (await answered(() => client.post("/requests", { payload: 1 }))).json;
  await until("it has failed too often", 60_000, async () => {
    const { status, json } = await client.execute(requestId, { force_error: true });
    return status === 409 && json.type === "urn:sate:problem:failures-exhausted";
  });
  const { json } = await answered(() => client.get(`/requests/${requestId}/executions`));
  expect(json.executions.map(({ status }) => status)).toEqual(["failed", "failed"]);
  await until("the refused attempt has its dead letter", 60_000, async () =>
    (await system.deadLetters()).some(
      ({ key, headers }) => String(key) === requestId && headers.reason === "max_failures",
    ),
  );
}

/**
 * Creates requests together with their executions until `isOver`, each call repeated with its Idempotency-Key until it
 * has a response. Each must have created one request with one execution, which ends once.
 */
async function createUntil(client: Client, isOver: () => boolean): Promise<void> {
  const ids = new Map<string, { id: string; execution: string }>();
  for (let turn = 0; turn < 3 || !isOver(); turn++) {
    const token = `created ${turn}`;
    const headers = { "idempotency-key": crypto.randomUUID() };
    const body = { payload: { token }, processor: "pong", execute: true };
    const { status, json } = await answered(() => client.post("/requests", body, headers));
    expect(status).toBe(201);
    ids.set(token, { id: json.id, execution: json.execution.id });
  }
  for (const { id, execution } of ids.values()) {
    expect(await client.ended(id, execution)).toBe("succeeded");
    expect(await client.results(id)).toMatchObject([{ execution: { id: execution } }]);
    const { executions } = (await client.get(`/requests/${id}/executions`)).json;
    expect(executions.map((one) => one.id)).toEqual([execution]);
  }
  const requests = await walk(client, "requests");
  const tokens = requests.map(({ payload }) => (payload as { token?: string })?.token ?? "");
  const created = tokens.filter((token) => ids.has(token));
  expect(created.toSorted()).toEqual([...ids.keys()].toSorted());
}

/** Removes requests that have ended until `isOver`, each until it is removed. Nothing of them may come back. */
async function removeUntil(client: Client, isOver: () => boolean): Promise<void> {
  const ids: string[] = [];
  for (let turn = 0; turn < 3 || !isOver(); turn++) {
    const body = { payload: { removed: turn }, processor: "pong" };
    const { status, json } = await answered(() => client.post("/requests", body));
    expect(status).toBe(201);
    const { id } = json;
    // Executions that fail because of a kill are repeated.
    let seen = "";
    const hasSucceeded = async () => {
      const executed = await client.execute(id);
      const { text, json } = await client.get(`/requests/${id}/results`);
      seen = `${executed.text} ${text}`;
      return json.results?.some(({ is_success }) => is_success);
    };
    await until("it has succeeded", 60_000, hasSucceeded).catch((error) => {
      throw new Error(`${error.message}: ${seen}`);
    });
    await until(
      "it is removed",
      60_000,
      async () => (await client.ask("DELETE", `/requests/${id}`)).status === 204,
    );
    ids.push(id);
  }
  for (const id of ids) {
    for (const path of ["", "/executions", "/results"]) {
      const { status } = await answered(() => client.get(`/requests/${id}${path}`));
      expect([path, status]).toEqual([path, 410]);
    }
    expect((await answered(() => client.execute(id))).status).toBe(410);
  }
}

/** Kills a process while something runs, again and again until `isOver`. */
async function loseRuns(system: System, isOver: () => boolean): Promise<void> {
  const prefix = system.kind === "standalone" ? "standalone" : "processor";
  await until("a run was requeued", firedMs, async () => {
    const before = runsByExecution(system.runLog).size;
    await until("something runs", 30_000, () => runsByExecution(system.runLog).size > before || isOver());
    const [victim] = system.processes(prefix);
    if (isOver() || !victim) return isOver();
    await killAndRestart(system, victim);
    await system.ready();
    return isOver();
  });
}

async function killAt(kind: System["kind"], names: string[]): Promise<void> {
  const system = await startSystem(kind, { settings, scale, armed: names });
  const haveFired = (those: string[]) => those.every((name) => !system.failpoints.isArmed(name));
  try {
    const ways = Object.groupBy(names, (name) => failpoints[name]?.met ?? "load");
    const load = startLoad(system.url, { clients: 4, name: "failpoints" });
    if (ways.exhausted) await exhaust(createClient(system.url), system);
    const { lost, created, removed } = ways;
    if (created) await createUntil(createClient(system.url), () => haveFired(created));
    if (removed) await removeUntil(createClient(system.url), () => haveFired(removed));
    if (lost) await loseRuns(system, () => haveFired(lost));
    await until(`each of ${names.join(", ")} has fired`, firedMs, () => haveFired(names));
    const count = load.history.executions.length;
    await until("the load continues", 60_000, () => load.history.executions.length > count + 8);
    await settle(system, load);
  } finally {
    await system.stop();
  }
}

const all = Object.keys(failpoints).filter((name) => failpoints[name]?.met !== "webhook");

if (Bun.env.SYSTEM === "cluster") {
  // A cluster takes long to start, so one is killed in every gap in turn.
  const names = all.filter((name) => !name.startsWith("sqlite."));
  test("kill -9 in every gap between two writes of every process", () => killAt("cluster", names), 400_000);
} else {
  describe("kill -9 at one failpoint: everything ends as promised, once", () => {
    test.each(all)("%s", (name) => killAt("standalone", [name]), 200_000);
  });
}
