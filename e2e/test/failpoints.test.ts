import { expect, test } from "bun:test";
import { type Client, createClient } from "../src/clients/client.ts";
import { settle, startLoad } from "../src/clients/load.ts";
import { startsOf } from "../src/runs/run-log.ts";
import { expectNoDoubleRun } from "../src/runs/single-runs.ts";
import { failpoints } from "../src/system/failpoints.ts";
import { type System, startSystem } from "../src/system/system.ts";
import { until } from "../src/until.ts";

/**
 * `kill -9` in every gap between two writes. Each failpoint fires once, the process is started again, and then
 * everything that was acknowledged must have ended as promised, exactly once.
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

/** Whoever gets no answer asks again: the door may just have been killed. */
async function answered<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
  return until("an answer", 60_000, async () => {
    const answer = await ask();
    return answer.status < 500 && answer;
  });
}

async function newRequest(client: Client): Promise<string> {
  return (await answered(() => client.post("/requests", { payload: 1 }))).json.id;
}

/** Fails a request as often as may be, asks for one more, and sees that the refusal and its dead letter are there. */
async function exhaust(client: Client, system: System): Promise<void> {
  const requestId = await newRequest(client);
  const problem = "urn:sate:problem:failures-exhausted";
  await until("it has failed too often", 60_000, async () => {
    const { status, json } = await client.execute(requestId, { force_error: true });
    return status === 409 && json.type === problem;
  });
  const { json } = await answered(() => client.get(`/requests/${requestId}/executions`));
  expect(json.executions.map(({ status }) => status)).toEqual(["failed", "failed"]);
  const topics = system.topics();
  await until("the refused attempt has its dead letter", 60_000, async () =>
    (await topics.read("dead_letter_queue")).some(
      ({ key, headers }) => String(key) === requestId && headers.reason === "max_failures",
    ),
  );
}

/** Kills whoever runs something, again and again until a run of it was put back. */
async function loseRuns(system: System, isOver: () => boolean): Promise<void> {
  const prefix = system.kind === "standalone" ? "standalone" : "processor";
  await until("a run was put back", firedMs, async () => {
    const before = startsOf(system.runLog).size;
    await until("something runs", 30_000, () => startsOf(system.runLog).size > before || isOver());
    if (isOver()) return true;
    const victim = system.processes(prefix)[0];
    if (victim) process.kill(victim.pid, "SIGKILL");
    await until("it is started again", 60_000, () =>
      system.processes(prefix).some(({ name, pid }) => name === victim?.name && pid !== victim.pid),
    );
    await system.ready();
    return isOver();
  });
}

async function killAt(kind: System["kind"], names: string[]): Promise<void> {
  const system = await startSystem(kind, { settings, scale, armed: names });
  const haveFired = (those: string[]) => those.every((name) => !system.failpoints.isArmed(name));
  try {
    const client = createClient(system.url);
    const ways = new Set(names.map((name) => failpoints[name]?.met));
    const load = startLoad(system.url, { clients: 4, name: "failpoints" });
    if (ways.has("exhausted")) await exhaust(client, system);
    const lost = names.filter((name) => failpoints[name]?.met === "lost");
    if (lost.length > 0) await loseRuns(system, () => haveFired(lost));
    await until(`each of ${names.join(", ")} has fired`, firedMs, () => haveFired(names));
    const count = load.history.executions.length;
    await until("the load goes on", 60_000, () => load.history.executions.length > count + 8);
    await load.stop();
    await system.ready();
    expectNoDoubleRun(system, await settle(client, load.history, 60_000));
  } finally {
    await system.stop();
  }
}

const all = Object.keys(failpoints);

if (Bun.env.SYSTEM === "cluster") {
  // A cluster takes long to start, so one is killed in every gap in turn.
  test("kill -9 in every gap between two writes of every process", async () => {
    await killAt(
      "cluster",
      all.filter((name) => !name.startsWith("sqlite.")),
    );
  }, 400_000);
} else {
  for (const name of all) {
    test(
      `kill -9 at ${name}: everything ends as promised, once`,
      () => killAt("standalone", [name]),
      200_000,
    );
  }
}
