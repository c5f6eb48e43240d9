import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../src/supervise/deadline.ts";
import { type Cluster, startCluster } from "./start-cluster.ts";

/** The front door, with stand-in services and the addresses of servers that none of them calls. */
const addresses = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REQUESTS_MONGO_URL: "mongodb://user:secret@127.0.0.1:1/requests",
  RESULTS_MONGO_URL: "mongodb://127.0.0.1:1/results",
};
const clusters: Cluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.remove()));
}, 60_000);

type Wrap = (command: string[]) => string[];
function start(env: Record<string, string> = {}, wrap?: Wrap): Cluster {
  const cluster = startCluster({ ...addresses, ...env }, wrap);
  clusters.push(cluster);
  return cluster;
}

async function ready(env: Record<string, string> = {}, wrap?: Wrap): Promise<Cluster> {
  const cluster = start(env, wrap);
  await cluster.printed("Sate is ready.");
  return cluster;
}

const logOf = ({ dataDir }: Cluster, name: string) =>
  readFileSync(join(dataDir, `cluster/logs/${name}.log`), "utf8");
const isUp = (port: number) =>
  fetch(`http://127.0.0.1:${port}`).then(
    ({ ok }) => ok,
    () => false,
  );

describe("a running cluster", () => {
  test("announces each process, prints the addresses without passwords, and on SIGTERM stops services before those that they call", async () => {
    const cluster = await ready({ SCALE: "worker=2" });
    expect([...cluster.processes().keys()].sort()).toEqual(["gateway-1", "worker-1", "worker-2"]);
    const { port } = cluster.process("gateway-1");
    await cluster.printed(/REQUESTS_MONGO_URL=mongodb:\/\/\*\*\*@127.0.0.1:1\/requests$/m);
    expect(cluster.text()).toContain(`http://127.0.0.1:${port}/swagger`);
    expect(cluster.text()).not.toContain("secret");
    const environment = (await (await fetch(`http://127.0.0.1:${port}`)).json()) as Record<string, string>;
    const workers = ["worker-1", "worker-2"].map((name) => `http://127.0.0.1:${cluster.process(name).port}`);
    expect(environment.WORKER_URL?.split(",").sort()).toEqual(workers.sort());
    expect(environment.RESULTS_MONGO_URL).toBeUndefined();
    await cluster.ends(0, "SIGTERM");
    expect(logOf(cluster, "worker-1")).toBe("listening\n");
    expect(logOf(cluster, "gateway-1")).toContain("while stopping, the worker returned 200\n");
  }, 60_000);

  test("stops on SIGHUP, but not under nohup", async () => {
    await (await ready()).ends(0, "SIGHUP");
    const cluster = await ready({}, (command) => ["nohup", ...command]);
    cluster.child.kill("SIGHUP");
    // A cluster that is stopping restarts nothing.
    await cluster.restarts("worker-1");
    expect(cluster.text()).not.toContain("Stopping.");
  }, 60_000);

  test("restarts a process that was killed, on the same port", async () => {
    const cluster = await ready();
    await cluster.restarts("worker-1");
    expect(await until(() => isUp(cluster.process("worker-1").port), 10_000)).toBe(true);
    expect(cluster.text()).toContain("worker-1 was ended by SIGKILL; restarting in 0.5 s");
  }, 60_000);

  test("waits longer each time before it restarts a process that cannot start", async () => {
    const cluster = start({ WORKER: "fails" });
    await cluster.printed("worker-1 ended with 1; restarting in 0.5 s");
    await cluster.printed("restarting in 1 s");
    await cluster.printed("restarting in 2 s");
    expect(cluster.text()).not.toContain("Sate is ready.");
  }, 60_000);

  test("does not run a process while LAYOUT has it in down", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sate-layout-"));
    const LAYOUT = join(folder, "layout.json");
    const write = (down: string[]) => writeFileSync(LAYOUT, JSON.stringify({ ports: {}, detours: {}, down }));
    write(["worker-1"]);
    const cluster = start({ LAYOUT });
    await cluster.printed(/^gateway-1 /m);
    expect(await until(() => isUp(cluster.process("gateway-1").port), 10_000)).toBe(true);
    expect(cluster.processes().has("worker-1")).toBe(false);
    write([]);
    await cluster.printed("Sate is ready.");
    expect(cluster.processes().has("worker-1")).toBe(true);
    rmSync(folder, { recursive: true });
  }, 60_000);

  test("reports a process that stops responding, and stops it like any other", async () => {
    const cluster = await ready();
    process.kill(cluster.process("worker-1").pid, "SIGSTOP");
    await cluster.printed("worker-1 is not ready", 20_000);
    await cluster.ends(0, "SIGTERM");
  }, 60_000);

  test("kills a process that does not stop in time", async () => {
    const cluster = await ready({ WORKER: "stubborn", SHUTDOWN_SECONDS: "0.1" });
    await cluster.ends(0, "SIGTERM");
  }, 60_000);

  test("kills everything at once on a second signal", async () => {
    const cluster = await ready({ WORKER: "stubborn", SHUTDOWN_SECONDS: "60" });
    cluster.child.kill("SIGINT");
    await cluster.printed("Stopping.");
    // A second one within half a second counts as the same key.
    const isKilling = () => {
      cluster.child.kill("SIGINT");
      return cluster.text().includes("Killing everything.");
    };
    expect(await until(isKilling, 10_000)).toBe(true);
    await cluster.isGone();
  }, 60_000);
});

describe("no process is left behind", () => {
  test("when the cluster is killed, even if a service is frozen or ignores SIGTERM", async () => {
    const cluster = await ready({ WORKER: "stubborn", SCALE: "worker=2" });
    process.kill(cluster.process("worker-2").pid, "SIGSTOP");
    process.kill(cluster.child.pid, "SIGKILL");
    await cluster.isGone();
  }, 60_000);

  const npx: Wrap = ([, ...words]) => ["npx", "-y", "bun", ...words];
  const shell: Wrap = (command) => ["sh", "-c", `${command.join(" ")} & wait`];
  const inTerminal = `const terminal = { data: (_, bytes) => process.stdout.write(bytes.toString().replaceAll("\\r", "")) };
    await Bun.spawn(process.argv.slice(1), { terminal }).exited;`;
  const terminal: Wrap = (command) => [process.execPath, "-e", inTerminal, ...command];
  const starters: [what: string, wrap: Wrap, signal: NodeJS.Signals][] = [
    ["the shell that started it is killed", shell, "SIGKILL"],
    ["the npx that started it receives SIGTERM", npx, "SIGTERM"],
    ["the npx that started it is killed", npx, "SIGKILL"],
    ["its terminal closes", terminal, "SIGKILL"],
  ];
  test.each(starters)(
    "when %s",
    async (_, wrap, signal) => {
      const cluster = await ready({}, wrap);
      cluster.child.kill(signal);
      await cluster.isGone();
      // A terminal takes its output with it.
      if (wrap !== terminal) await cluster.printed(/has ended; stopping\.|Stopped\./, 10_000);
    },
    60_000,
  );
});

describe("what cannot work is reported before anything starts", () => {
  const refused = async (cluster: Cluster, exitCode: number, ...sentences: string[]) => {
    await cluster.ends(exitCode);
    for (const sentence of sentences) await cluster.printed(sentence, 2_000);
    expect(cluster.processes().size).toBe(0);
  };

  test("a port that is taken", async () => {
    await using taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
    await refused(start({ PORT: `${taken.port}` }), 69, `Port ${taken.port} of 127.0.0.1 is taken`);
  }, 30_000);

  test("another cluster on the same data", async () => {
    const { dataDir } = await ready();
    await refused(start({ DATA_DIR: dataDir }), 69, "Another cluster is running on");
  }, 60_000);

  test("all wrong settings at once", async () => {
    await refused(start({ PORT: "x", SCALE: "other=2" }), 78, "PORT must be", "SCALE names other");
  }, 30_000);

  test("except for the settings of a service, which end the cluster", async () => {
    const cluster = start({ WORKER: "wrong configuration" });
    await cluster.ends(78);
    expect(cluster.text()).toContain("worker-1 ended with 78 and is not restarted (its log: ");
  }, 30_000);
});
