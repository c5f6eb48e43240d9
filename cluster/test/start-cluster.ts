import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTime, until } from "../src/supervise/deadline.ts";

const startMs = 120_000;

export type Cluster = ReturnType<typeof startCluster>;

/** Runs main.ts, with the stand-in services unless COMPOSE_FILE is given. `wrap` makes another command of it. */
export function startCluster(
  env: Record<string, string | undefined>,
  wrap: (command: string[]) => string[] = (command) => command,
) {
  const dataDir = env.DATA_DIR ?? mkdtempSync(join(tmpdir(), "sate-cluster-test-"));
  const { SCALE, SERVICE_TOKEN, ...own } = process.env;
  const child = Bun.spawn(wrap([process.execPath, join(import.meta.dir, "../src/main.ts")]), {
    env: {
      ...own,
      PORT: "0",
      SHUTDOWN_SECONDS: "2",
      COMPOSE_FILE: join(import.meta.dir, "standin/compose.yaml"),
      DATA_DIR: dataDir,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
  };
  void read(child.stdout);
  void read(child.stderr);

  /** As last announced. */
  const processes = () => {
    const lines = [...text.matchAll(/^([a-z][a-z0-9-]*) (\d+) (\d+)$/gm)];
    return new Map(lines.map(([, name = "", pid, port]) => [name, { pid: Number(pid), port: Number(port) }]));
  };
  return {
    child,
    dataDir,
    processes,
    text: () => text,
    process(name: string) {
      const found = processes().get(name);
      if (!found) throw new Error(`${name} was not announced:\n${text}`);
      return found;
    },
    async printed(what: string | RegExp, deadlineMs = startMs) {
      const isThere = () => (typeof what === "string" ? text.includes(what) : what.test(text));
      if (!(await until(isThere, deadlineMs))) throw new Error(`${what} was not printed:\n${text}`);
    },
    /** Kills a process, and waits until it was restarted on its port. */
    async restarts(name: string) {
      const before = this.process(name);
      process.kill(before.pid, "SIGKILL");
      expect(await until(() => this.process(name).pid !== before.pid, 20_000)).toBe(true);
      expect(this.process(name).port).toBe(before.port);
    },
    /** Sends it a signal, if any, and waits until it has ended with this code and none of its processes is left. */
    async ends(exitCode: number, signal?: NodeJS.Signals) {
      if (signal) child.kill(signal);
      expect([await inTime(child.exited, 60_000), text]).toEqual([exitCode, text]);
      await this.isGone();
    },
    /** Waits until none of its processes is left. */
    async isGone() {
      const left = () => [...processes()].filter(([, { pid }]) => isAlive(pid));
      await until(() => left().length === 0, 20_000);
      expect(left()).toEqual([]);
    },
    /** Ends it in whatever state it is, and removes its data. */
    async remove() {
      child.kill("SIGTERM");
      if (
        !(await inTime(
          child.exited.then(() => true),
          20_000,
        ))
      )
        child.kill("SIGKILL");
      if (!env.DATA_DIR) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A zombie has ended. */
function isAlive(pid: number): boolean {
  const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", `${pid}`]);
  return !/^\s*(Z|$)/.test(stdout.toString());
}

/** Runs servers.ts as the adapter tests of the services do, without servers that the environment may name. */
export async function startServers(env: Record<string, string> = {}) {
  const { KAFKA_BROKERS, REQUESTS_MONGO_URL, RESULTS_MONGO_URL, ...own } = process.env;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../src/servers.ts")], {
    env: { ...own, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  return { child, printed: JSON.parse(new TextDecoder().decode(value)) as Record<string, string> };
}
