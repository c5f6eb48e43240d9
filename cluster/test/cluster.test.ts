import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTime, until } from "../src/supervise/deadline.ts";
import { allGone, type Cluster, isAlive, noServers, startCluster } from "./start-cluster.ts";

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

  test("stops a service before those that it needs", async () => {
    const cluster = await ready();
    cluster.child.kill("SIGTERM");
    expect(await inTime(cluster.child.exited, 15_000)).toBe(0);
    const log = readFileSync(join(cluster.dataDir, "cluster/logs/gateway-1.log"), "utf8");
    expect(log).toContain("until the end the worker answers with 200\n");
  }, 60_000);

  test("stops on SIGHUP, but not under nohup", async () => {
    const cluster = await ready();
    cluster.child.kill("SIGHUP");
    expect(await inTime(cluster.child.exited, 15_000)).toBe(0);
    await allGone(cluster);

    const kept = await ready({}, (command) => ["nohup", ...command]);
    const { pid } = kept.process("worker-1");
    kept.child.kill("SIGHUP");
    process.kill(pid, "SIGKILL");
    // A cluster that is stopping starts nothing again.
    expect(await until(() => kept.process("worker-1").pid !== pid, 10_000)).toBe(true);
    expect(kept.text()).not.toContain("Stopping.");
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

  test("says when one does not respond, and ends it all the same", async () => {
    const cluster = await ready();
    process.kill(cluster.process("worker-1").pid, "SIGSTOP");
    await cluster.printed("worker-1 is not ready", 20_000);
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
});

describe("nothing is left behind", () => {
  test("when the cluster is killed, though a service is frozen or does not listen to SIGTERM", async () => {
    const cluster = await ready({ WORKER: "stubborn", SCALE: "worker=2" });
    process.kill(cluster.process("worker-2").pid, "SIGSTOP");
    process.kill(cluster.child.pid, "SIGKILL");
    await allGone(cluster);
  }, 60_000);

  test("when its parent goes away", async () => {
    const cluster = await ready({}, (command) => ["sh", "-c", `${command.join(" ")} & wait`]);
    process.kill(cluster.child.pid, "SIGKILL");
    await allGone(cluster);
    // Its last words may still be on their way to us when it is gone.
    await cluster.printed("The process that started the cluster has ended", 10_000);
  }, 60_000);

  const withNpx = (command: string[]) => ["npx", "-y", "bun", ...command.slice(1)];
  test.skipIf(!Bun.which("npx")).each(["SIGTERM", "SIGKILL"] as const)(
    "when the npx that started it is ended by %s",
    async (signal) => {
      const cluster = await ready({}, withNpx);
      cluster.child.kill(signal);
      await allGone(cluster);
      await cluster.printed("Stopped.", 10_000);
    },
    60_000,
  );

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
    const cluster = start({ PORT: "x", SHUTDOWN_SECONDS: "x" });
    await refused(cluster, 78, "PORT must be");
    expect(cluster.text()).toContain("SHUTDOWN_SECONDS must be");
    await refused(start({ SCALE: "nobody=2" }), 78, "SCALE names nobody; the services are gateway, worker.");
  }, 30_000);

  test("a description of services that the cluster would not follow", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sate-compose-"));
    const COMPOSE_FILE = join(folder, "compose.yaml");
    writeFileSync(COMPOSE_FILE, "services: { gateway: { build: ., env_file: x } }\n");
    await refused(start({ COMPOSE_FILE }), 78, "env_file of gateway is not supported by the cluster");
    rmSync(folder, { recursive: true });
  }, 30_000);

  test("and the configuration of a service, by ending", async () => {
    const cluster = start({ WORKER: "wrong configuration" });
    expect(await inTime(cluster.child.exited, 20_000)).toBe(78);
    expect(cluster.text()).toContain("worker-1 ended with 78 and is not started again (its log: ");
    await allGone(cluster);
  }, 30_000);
});
