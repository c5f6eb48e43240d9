import { expect, test } from "bun:test";
import { settle, startLoad } from "../src/clients/load.ts";
import { startsOf } from "../src/runs/run-log.ts";
import { expectNoDoubleRun } from "../src/runs/single-runs.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

const isCluster = Bun.env.SYSTEM === "cluster";
const victims = isCluster
  ? ["gateway", "requests-service", "processor", "results-listener", "results-service"]
  : ["standalone"];

/** Kills one process of this name after the other, each as soon as the load has moved on since the last. */
async function killInTurn(prefix: string, kills: number, progress: () => number): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const from = progress();
    await until("the load moves on", 60_000, () => progress() > from + 5);
    await Bun.sleep(Math.random() * 200);
    const candidates = system.processes(prefix);
    const victim = candidates[kill % candidates.length];
    if (!victim) throw new Error(`there is no ${prefix}`);
    process.kill(victim.pid, "SIGKILL");
    await until(`${victim.name} is started again`, 60_000, () =>
      system.processes(victim.name).some(({ name, pid }) => name === victim.name && pid !== victim.pid),
    );
  }
}

for (const victim of victims) {
  test(`kill -9 of ${victim} at random moments under load: nothing acknowledged is lost, each ends once`, async () => {
    const load = startLoad(system.url, { clients: 8, name: `kill ${victim}` });
    await killInTurn(victim, isCluster ? 3 : 8, () => load.history.executions.length);
    await load.stop();
    await system.ready();
    const settled = await settle(client, load.history, 60_000);
    expect(settled.length).toBeGreaterThan(15);
    expectNoDoubleRun(system, settled);
  }, 240_000);
}

test("a process that is killed in the middle of a run loses the run, not the execution", async () => {
  const [first] = system.processes(isCluster ? "processor" : "standalone");
  // Long enough that the kill finds it running: all slots of all processors are taken at once.
  const requests = await Promise.all(
    Array.from({ length: 24 }, (_, number) => client.createRequest({ number }, "pong")),
  );
  const executions = await Promise.all(requests.map((requestId) => client.execute(requestId)));
  await until("the victim runs something", 30_000, () =>
    [...startsOf(system.runLog).values()].flat().some(({ pid }) => pid === first?.pid),
  );
  process.kill(first?.pid as number, "SIGKILL");
  for (const [index, requestId] of requests.entries()) {
    const executionId = executions[index]?.json.id as string;
    await until(
      "it has ended",
      60_000,
      async () => (await client.status(requestId, executionId)) === "succeeded",
    );
    await until("it has one result", 30_000, async () => (await client.results(requestId)).length === 1);
  }
  await system.ready();
}, 180_000);

const brokerScenario = () =>
  test("executions are accepted while the broker is frozen and killed, and all of them end", async () => {
    const load = startLoad(system.url, { clients: 6, name: "broker" });
    const count = () => load.history.executions.length;
    await until("the load runs", 30_000, () => count() > 10);
    const [kafka] = system.processes("kafka");
    process.kill(kafka?.pid as number, "SIGSTOP");
    const atStop = count();
    await until("executions are accepted while the broker stands still", 30_000, () => count() > atStop + 30);
    process.kill(kafka?.pid as number, "SIGKILL");
    await until("kafka is started again", 60_000, () => system.processes("kafka")[0]?.pid !== kafka?.pid);
    const atStart = count();
    await until("the load runs on", 30_000, () => count() > atStart + 30);
    await load.stop();
    expect(Object.keys(load.history.answers)).toEqual(["201"]);
    await system.ready();
    expectNoDoubleRun(system, await settle(client, load.history, 90_000));
  }, 300_000);

const restartScenario = () =>
  test("data survives a restart, and a second process on the same data refuses to start", async () => {
    const requestId = await client.createRequest({ survives: true });
    await client.execute(requestId);
    await until("it has its result", 30_000, async () => (await client.results(requestId)).length === 1);
    const [running] = system.processes();
    const second = Bun.spawn([process.execPath, "standalone/src/main.ts"], {
      cwd: `${import.meta.dir}/../..`,
      env: { ...process.env, DATA_DIR: system.dataDir, PORT: "0" },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await second.exited).not.toBe(0);
    expect(await new Response(second.stderr).text()).toContain(`${running?.pid}`);
    process.kill(running?.pid as number, "SIGTERM");
    await until("it is started again", 30_000, () => system.processes()[0]?.pid !== running?.pid);
    await system.ready();
    expect(await client.results(requestId)).toHaveLength(1);
  }, 120_000);

// Each way of running has one that the other has not.
if (isCluster) brokerScenario();
else restartScenario();
