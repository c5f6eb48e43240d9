import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createGuard } from "../../src/children/guard.ts";
import { eventually } from "../eventually.ts";
import { isDead, noLog, temporaryFolder } from "./start.ts";

/** A process that starts children without end, and a deaf grandchild in a session of its own with each. */
const service = `
  import { createGroups } from ${JSON.stringify(join(import.meta.dir, "../../src/children/group.ts"))};
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const groups = createGroups({ log });
  const child = "trap '' TERM; setsid sh -c 'trap \\"\\" TERM; echo $$; sleep 1000' & echo $$; sleep 1000";
  const spawn = () => groups.spawn({
    argv: ["sh", "-c", child],
    env: { PATH: process.env.PATH, MARK: process.env.MARK },
    stdout: { take: (chunk) => process.stdout.write(chunk) },
    stderr: { take() {} },
  });
  require("node:fs").mkdirSync(groups.folder + "/sub", { recursive: true });
  process.stdout.write("guard ");
  spawn();
  process.stdout.write(groups.guardPid() + "\\n");
  setInterval(spawn, 5);
`;

async function carriersOf(mark: string): Promise<string> {
  const found = Bun.spawn(["sh", "-c", 'grep -lsF "$1" /proc/[0-9]*/environ', "sh", mark], {
    stdout: "pipe",
  });
  return await found.stdout.text();
}

// As Docker and standalone start a service, and as `cluster` does.
test.each(["", "1"])(
  "no process and no file survives a kill -9 of the service, neither in a session of its own nor while it is starting, with BUN_FEATURE_FLAG_NO_ORPHANS=%s",
  async (flag) => {
    const mark = `MARK=${Bun.randomUUIDv7()}`;
    const files = temporaryFolder();
    const killed = Bun.spawn([process.execPath, "-e", service], {
      env: { ...process.env, MARK: mark.slice(5), TMPDIR: files, BUN_FEATURE_FLAG_NO_ORPHANS: flag },
      cwd: files,
      stdin: "ignore",
      stdout: "pipe",
      detached: true,
    });
    let printed = "";
    for await (const chunk of killed.stdout) {
      printed += Buffer.from(chunk).toString();
      // The whole group of the service is killed, as a supervisor may do.
      if (printed.split("\n").length > 40) process.kill(-killed.pid, "SIGKILL");
    }
    const [guard = 0, ...children] = (printed.match(/\d+/g) ?? []).map(Number);
    expect(children.length).toBeGreaterThan(30);
    await eventually(() => isDead(guard), "the guard has ended");
    const areDead = async () => (await Promise.all(children.map(isDead))).every(Boolean);
    await eventually(areDead, "its children are dead");
    await eventually(() => readdirSync(files).length === 0, "its files are deleted");
    expect(await carriersOf(mark)).toBe("");
  },
);

test("a guard that dies is restarted, and the new guard knows the running groups", async () => {
  const guard = createGuard(`SATE_GROUP=${Bun.randomUUIDv7()}`, temporaryFolder(), noLog);
  // Without a cookie: only the number of its group leads to it.
  const start = () => Bun.spawn(["env", "-i", "sleep", "1000"], { detached: true });
  const [guarded, released] = [start(), start()];
  guard.ensureStarted();
  guard.add(guarded.pid);
  guard.add(released.pid);
  const first = guard.pid() as number;
  process.kill(first, "SIGKILL");
  await eventually(() => guard.pid() !== first, "there is another guard");
  guard.delete(released.pid);
  guard.close();
  await guarded.exited;
  expect(guarded.signalCode).toBe("SIGKILL");
  await eventually(() => isDead(guard.pid() as number), "the guard has ended");
  expect(await isDead(released.pid)).toBe(false);
  released.kill();
});
