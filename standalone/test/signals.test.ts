import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../contracts/test/until.ts";
import { starting } from "./process.ts";
import { opened } from "./sqlite/opened.ts";

const { started, newFolder } = starting();

/** With an execution that runs for a minute, and its path. */
async function busy(how?: Parameters<typeof started>[1]) {
  const dataDir = newFolder();
  const it = started({ DATA_DIR: dataDir, PROCESSING_SECONDS: "60" }, how);
  await it.ready();
  const { json: request } = await it.ask("/requests", { payload: 1 });
  const { json: execution } = await it.ask(`/requests/${request.id}/executions`, {});
  const path = `/requests/${request.id}/executions/${execution.id}`;
  await until("it runs", async () => (await it.ask(path)).json.status === "running");
  return { it, dataDir, path };
}

async function succeedsAtTheNextStart(dataDir: string, path: string): Promise<void> {
  const next = started({ DATA_DIR: dataDir, PROCESSING_SECONDS: "0" });
  await next.ready();
  await until("it has succeeded", async () => (await next.ask(path)).json.status === "succeeded");
  expect((await next.ask(path)).json.lost).toBe(0);
}

test("SIGHUP stops it cleanly: it says so, and its run is requeued, not lost, and runs at the next start", async () => {
  const { it, dataDir, path } = await busy();
  it.child.kill("SIGHUP");
  expect((await it.ended()).code).toBe(0);
  expect(it.text()).toContain("Stopping");
  await succeedsAtTheNextStart(dataDir, path);
}, 60_000);

test("under nohup SIGHUP is ignored and its run goes on", async () => {
  const { it, path } = await busy({ wrap: ["nohup"] });
  it.child.kill("SIGHUP");
  it.child.kill("SIGHUP");
  expect((await it.ask(path)).json.status).toBe("running");
  it.child.kill("SIGTERM");
  expect((await it.ended()).code).toBe(0);
}, 60_000);

const pidOf = (dataDir: string) => Number(readFileSync(join(dataDir, "pid"), "utf8"));
const isThere = (pid: number) => existsSync(`/proc/${pid}`);
const up = ["npx", "-y", "bun", "run", "up"];

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`it stops and releases its folder when the npx that started it gets ${signal}`, async () => {
    const dataDir = newFolder();
    const it = started({ DATA_DIR: dataDir }, { command: up });
    await it.ready();
    const pid = pidOf(dataDir);
    expect(isThere(pid)).toBe(true);
    it.child.kill(signal);
    await until("it has ended", () => !isThere(pid));
    opened(dataDir).close();
  }, 60_000);
}

test("a closed terminal stops it cleanly together with the npx that started it: its run is not lost", async () => {
  const { dataDir, path } = await busy({ wrap: ["setsid", "--wait"], command: up });
  const pid = pidOf(dataDir);
  const [, group] = /\) \w \d+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
  process.kill(-Number(group), "SIGHUP");
  await until("it has ended", () => !isThere(pid), 20_000);
  await succeedsAtTheNextStart(dataDir, path);
}, 60_000);

test("it survives the shell that started it with setsid", async () => {
  const dataDir = newFolder();
  const script = `setsid "${process.execPath}" standalone/src/main.ts & while [ ! -e "$DATA_DIR/pid" ]; do sleep 0.1; done`;
  const it = started({ DATA_DIR: dataDir }, { command: ["bash", "-c", script] });
  await it.ready();
  const pid = pidOf(dataDir);
  await it.child.exited;
  await Bun.sleep(1_500); // It looks for its launchers every second.
  expect((await it.ask("/live")).status).toBe(200);
  process.kill(pid, "SIGTERM");
  await until("it has ended", () => !isThere(pid));
}, 30_000);
