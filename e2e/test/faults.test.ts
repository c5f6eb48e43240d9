import { expect, test } from "bun:test";
import { settle, startLoad } from "../src/clients/load.ts";
import { runsByExecution } from "../src/runs/run-log.ts";
import type { Announced } from "../src/system/processes.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { killAndRestart } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

const isCluster = system.kind === "cluster";
const victims = isCluster
  ? ["gateway", "requests-service", "processor", "results-listener", "results-service"]
  : ["standalone"];
const kills = isCluster ? 3 : 8;

for (const name of victims) {
  test(`kill -9 of ${name} at random moments under load: nothing acknowledged is lost, each ends once`, async () => {
    const load = startLoad(system.url, { clients: 8, name: `kill ${name}` });
    const progress = () => load.history.executions.length;
    for (let kill = 0; kill < kills; kill++) {
      const from = progress();
      await until("the load continues", 60_000, () => progress() > from + 5);
      await Bun.sleep(Math.random() * 200);
      const candidates = system.processes(name);
      await killAndRestart(system, candidates[kill % candidates.length] as Announced);
    }
    expect(await settle(system, load)).toBeGreaterThan(15);
  }, 240_000);
}

test("a process that is killed in the middle of a run loses the run, not the execution", async () => {
  const [victim] = system.processes(isCluster ? "processor" : "standalone") as [Announced];
  // Enough to use all slots of all processors, so that the kill finds a run.
  const executed = await Promise.all(
    Array.from({ length: 24 }, async (_, number) => {
      const requestId = await client.createRequest({ number }, "pong");
      return { requestId, executionId: (await client.execute(requestId)).json.id };
    }),
  );
  await until("the victim runs something", 30_000, () =>
    [...runsByExecution(system.runLog).values()].flat().some(({ host }) => host === victim.pid),
  );
  process.kill(victim.pid, "SIGKILL");
  for (const { requestId, executionId } of executed) {
    const isOver = async () => (await client.status(requestId, executionId)) === "succeeded";
    await until("it has succeeded", 60_000, isOver);
    expect(await client.results(requestId)).toHaveLength(1);
  }
  await system.ready();
}, 180_000);

if (isCluster) {
  test("executions are accepted while the broker is frozen and killed, and all of them end", async () => {
    const load = startLoad(system.url, { clients: 6, name: "broker" });
    const count = () => load.history.executions.length;
    const accepted = async (more: number) => {
      const from = count();
      await until(`${more} more executions are accepted`, 30_000, () => count() > from + more);
    };
    await accepted(10);
    const [kafka] = system.processes("kafka") as [Announced];
    process.kill(kafka.pid, "SIGSTOP");
    await accepted(30);
    await killAndRestart(system, kafka);
    await accepted(30);
    await settle(system, load);
    expect(Object.keys(load.history.answers)).toEqual(["201"]);
  }, 300_000);
}
