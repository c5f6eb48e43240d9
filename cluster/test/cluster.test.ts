import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTime, until } from "../src/deadline.ts";
import { allGone, type Cluster, isAlive, noServers, parentOf, startCluster } from "./start-cluster.ts";

const clusters: Cluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.remove()));
});

function start(env: Record<string, string> = {}, wrap?: (command: string[]) => string[]): Cluster {
  const cluster = startCluster({ ...noServers, ...env }, wrap);
  clusters.push(cluster);
  return cluster;
}

async function ready(env: Record<string, string> = {}, wrap?: (command: string[]) => string[]) {
  const cluster = start(env, wrap);
  await cluster.printed("Sate is ready.");
  return cluster;
}

describe("a running cluster", () => {
  test("announces each process, says where to go when all are ready, and ends all of them on SIGTERM", async () => {
    const cluster = await ready({ SCALE: "worker=2" });
    expect([...cluster.processes().keys()].sort()).toEqual(["gateway-1", "worker-1", "worker-2"]);
    const { port } = cluster.process("gateway-1");
    expect(cluster.text()).toContain(`http://127.0.0.1:${port}/swagger`);
    const environment = (await (await fetch(`http://127.0.0.1:${port}`)).json()) as Record<string, string>;
    const workers = ["worker-1", "worker-2"].map((name) => `http://127.0.0.1:${cluster.process(name).port}`);
    expect(environment.WORKER_URL?.split(",").sort()).toEqual(workers.sort());
    expect(environment.RESULTS_MONGO_URL).toBeUndefined();
    cluster.child.kill("SIGTERM");
    expect(await inTime(cluster.child.exited, 15_000)).toBe(0);
    await allGone(cluster);
    expect(readFileSync(join(cluster.dataDir, "cluster/logs/worker-1.log"), "utf8")).toBe("listening\n");
  }, 60_000);

  test("starts a process again that was killed, on the same port", async () => {
    const cluster = await ready();
    const before = cluster.process("worker-1");
    process.kill(before.pid, "SIGKILL");
    expect(await until(() => cluster.process("worker-1").pid !== before.pid, 10_000)).toBe(true);
    expect(cluster.process("worker-1").port).toBe(before.port);
    const answers = () =>
      fetch(`http://127.0.0.1:${before.port}`).then(
        ({ ok }) => ok,
        () => false,
      );
    expect(await until(answers, 10_000)).toBe(true);
    expect(cluster.text()).toContain("worker-1 was ended by SIGKILL; it is started again in 0.5 s");
  }, 60_000);

  test("waits longer each time for one that cannot start", async () => {
    const cluster = start({ WORKER: "fails" });
    await cluster.printed("worker-1 ended with 1; it is started again in 0.5 s");
    await cluster.printed("again in 1 s");
    await cluster.printed("again in 2 s");
    expect(cluster.text()).not.toContain("Sate is ready.");
  }, 60_000);

  test("leaves away what the layout has down, gives each its own variables, and brings back what is not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "layout-"));
    const LAYOUT = join(folder, "layout.json");
    const write = (down: string[]) =>
      writeFileSync(
        LAYOUT,
        JSON.stringify({ ports: {}, detours: {}, environment: { "gateway-1": { COLOUR: "green" } }, down }),
      );
    write(["worker-1"]);
    const cluster = start({ LAYOUT });
    const gateway = () => cluster.processes().get("gateway-1");
    const isGreen = () =>
      fetch(`http://127.0.0.1:${gateway()?.port}`).then(
        async (answer) => ((await answer.json()) as { COLOUR?: string }).COLOUR === "green",
        () => false,
      );
    expect(await until(isGreen, 20_000)).toBe(true);
    expect(cluster.processes().has("worker-1")).toBe(false);
    write([]);
    await cluster.printed("Sate is ready.");
    expect(cluster.processes().has("worker-1")).toBe(true);
    rmSync(folder, { recursive: true });
  }, 60_000);

  test("says when one is frozen, and ends it all the same", async () => {
    const cluster = await ready();
    process.kill(cluster.process("worker-1").pid, "SIGSTOP");
    await cluster.printed("worker-1 does not answer well", 20_000);
    cluster.child.kill("SIGTERM");
    expect(await inTime(cluster.child.exited, 15_000)).toBe(0);
    await allGone(cluster);
  }, 60_000);

  test("kills one that does not end in its time", async () => {
    const cluster = await ready({ WORKER: "stubborn", SHUTDOWN_SECONDS: "0.1" });
    cluster.child.kill("SIGTERM");
    expect(await inTime(cluster.child.exited, 20_000)).toBe(0);
    await allGone(cluster);
  }, 60_000);

  test("kills everything at once on a second signal", async () => {
    const cluster = await ready({ WORKER: "stubborn", SHUTDOWN_SECONDS: "60" });
    cluster.child.kill("SIGINT");
    await cluster.printed("Stopping.");
    // The second of a pair that comes within half a second is taken for the same key.
    expect(
      await until(() => {
        cluster.child.kill("SIGINT");
        return cluster.text().includes("Killing everything.");
      }, 10_000),
    ).toBe(true);
    await allGone(cluster, [], 5_000);
  }, 60_000);

  test("puts the logs of all on standard output where that is wanted", async () => {
    const cluster = await ready({ LOGS: "stdout" });
    await cluster.printed("worker-1 | listening");
  }, 60_000);
});

describe("nothing is left behind", () => {
  test("when main is killed", async () => {
    const cluster = await ready();
    const supervisor = parentOf(cluster.process("worker-1").pid);
    process.kill(cluster.child.pid, "SIGKILL");
    await allGone(cluster, [supervisor]);
  }, 60_000);

  test("when the supervisor is killed", async () => {
    const cluster = await ready();
    const supervisor = parentOf(cluster.process("worker-1").pid);
    process.kill(supervisor, "SIGKILL");
    expect(await inTime(cluster.child.exited, 20_000)).toBe(1);
    await allGone(cluster, [supervisor]);
  }, 60_000);

  test("when the supervisor is killed and a service does not listen to SIGTERM", async () => {
    const cluster = await ready({ WORKER: "stubborn", SHUTDOWN_SECONDS: "0.1" });
    process.kill(parentOf(cluster.process("worker-1").pid), "SIGKILL");
    await allGone(cluster, [cluster.child.pid], 30_000);
  }, 60_000);

  test("when the parent goes away, or its parent in the same job", async () => {
    // As with `npx -y bun run cluster`: shells between the one that is killed and main.
    const nested = (command: string[]) => ["sh", "-c", `sh -c '${command.join(" ")} & wait' & wait`];
    for (const victimOf of [(shell: number) => shell, (shell: number) => childOf(shell)]) {
      const cluster = await ready({}, nested);
      process.kill(victimOf(cluster.child.pid), "SIGKILL");
      await allGone(cluster);
      // Its last words may still be on their way to us when it is gone.
      await cluster.printed("The process that started the cluster is gone", 10_000);
    }
  }, 90_000);

  test("when the terminal goes away", async () => {
    const cluster = await ready({}, (command) => [
      process.execPath,
      join(import.meta.dir, "in-a-terminal.ts"),
      ...command,
    ]);
    expect(isAlive(cluster.process("worker-1").pid)).toBe(true);
    process.kill(cluster.child.pid, "SIGKILL");
    await allGone(cluster);
  }, 60_000);
});

describe("what cannot work is said before anything starts", () => {
  const refused = async (cluster: Cluster, exitCode: number, sentence: string) => {
    expect(await inTime(cluster.child.exited, 20_000)).toBe(exitCode);
    await cluster.printed(sentence, 2_000);
    expect(cluster.processes().size).toBe(0);
  };

  test("a port that is taken", async () => {
    const taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    await refused(start({ PORT: `${taken.port}` }), 69, `Port ${taken.port} of 127.0.0.1 is taken`);
    await taken.stop(true);
  }, 30_000);

  test("another cluster on the same data", async () => {
    const { dataDir } = await ready();
    await refused(start({ DATA_DIR: dataDir }), 69, "Another cluster is running on");
  }, 60_000);

  test("settings that are wrong, all of them at once", async () => {
    const cluster = start({ PORT: "x", LOGS: "x" });
    await refused(cluster, 78, "PORT must be");
    expect(cluster.text()).toContain("LOGS must be");
    await refused(start({ SCALE: "nobody=2" }), 78, "SCALE names nobody; the services are gateway, worker.");
  }, 30_000);

  test("and the configuration of a service, by ending", async () => {
    const cluster = start({ WORKER: "wrong configuration" });
    expect(await inTime(cluster.child.exited, 20_000)).toBe(78);
    expect(cluster.text()).toContain("worker-1 ended with 78 and is not started again; its log: ");
    await allGone(cluster);
  }, 30_000);
});

function childOf(pid: number): number {
  const { stdout } = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]);
  const rows = stdout.toString().trim().split("\n");
  const [child] =
    rows.map((row) => row.trim().split(/\s+/).map(Number)).find(([, parent]) => parent === pid) ?? [];
  if (!child) throw new Error(`${pid} has no child`);
  return child;
}
