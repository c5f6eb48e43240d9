import { expect, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { groupsOfTest, isDead, temporaryFolder } from "./start.ts";

const { groups, start, sh } = groupsOfTest();
const success = { exitCode: 0, signal: null, exceeded: null };

test("a child gets its input, its environment and its folder, and its output and exit code are reported", async () => {
  const env = { PATH: Bun.env.PATH ?? "", GIVEN: "yes" };
  const script = 'cat; echo "$GIVEN $SERVICE_TOKEN $(pwd)"; echo problem >&2; exit 3';
  Bun.env.SERVICE_TOKEN = "secret";
  const { group, kept } = sh(script, { env, cwd: "/", stdin: Buffer.from("in\n") });
  expect(await group.ended).toEqual({ ...success, exitCode: 3 });
  expect(kept).toEqual({ stdout: "in\nyes  /\n", stderr: "problem\n" });
});

test("a child may leave its input unread", async () => {
  const { group } = start(["true"], { stdin: Buffer.alloc(3_000_000) });
  expect(await group.ended).toEqual(success);
});

test("starting a program that does not exist throws", () => {
  expect(() => start(["no-such-program"])).toThrow("no-such-program");
});

test("processes that a child leaves running are killed when it exits, even in another session", async () => {
  const script =
    "sleep 1000 & echo $!; setsid sh -c 'echo $$; exec sleep 1000' & until [ -e go ]; do sleep 0.01; done";
  const cwd = temporaryFolder();
  const { group, kept } = sh(script, { cwd });
  const left = () => kept.stdout.trim().split("\n").map(Number);
  await eventually(() => left().length === 2, "both have started");
  await Bun.write(join(cwd, "go"), "");
  expect(await group.ended).toEqual(success);
  for (const pid of left()) expect(await isDead(pid)).toBe(true);
});

test("a killed group may end by itself within the grace period", async () => {
  const { group, kept } = sh("trap 'echo ended; exit 7' TERM; echo ready; while :; do sleep 0.01; done");
  await eventually(() => kept.stdout === "ready\n", "it is ready");
  expect(await group.kill({ graceMs: 60_000 })).toEqual({ ...success, exitCode: 7 });
  expect(kept.stdout).toBe("ready\nended\n");
});

test("the other processes of a group keep their grace period after its leader has ended", async () => {
  const child = "trap 'sleep 0.1; echo cleaned up; exit' TERM; echo ready; while :; do sleep 0.01; done";
  const { group, kept } = sh(`trap 'exit' TERM; sh -c "${child}" & wait`);
  await eventually(() => kept.stdout === "ready\n", "it is ready");
  await group.kill({ graceMs: 60_000 });
  expect(kept.stdout).toBe("ready\ncleaned up\n");
});

test("what ignores the signal is killed after the grace period, also outside of its session", async () => {
  const deaf = "trap '' TERM; echo $$; while :; do sleep 0.01; done";
  const { group, kept } = sh(`setsid sh -c "${deaf.replaceAll("$", "\\$")}" & ${deaf}`);
  const pids = () => kept.stdout.trim().split("\n").map(Number);
  await eventually(() => pids().length === 2, "both are ready");
  expect(await group.kill({ graceMs: 50 })).toEqual({ ...success, exitCode: null, signal: "SIGKILL" });
  for (const pid of pids()) expect(await isDead(pid)).toBe(true);
});

test("a second kill may end the grace period at once", async () => {
  const { group, kept } = sh("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  await eventually(() => kept.stdout === "ready\n", "it is ready");
  void group.kill({ graceMs: 3_600_000 });
  expect((await group.kill({ graceMs: 0 })).signal).toBe("SIGKILL");
});

test("endless output is cut at its limit and the group is killed", async () => {
  let bytes = 0;
  const take = (chunk: Uint8Array) => {
    bytes += chunk.length;
  };
  const { group } = sh("yes", { stdout: { take, bytesMax: 100_001, beyond: "kill" } });
  expect(await group.ended).toEqual({ exitCode: null, signal: "SIGKILL", exceeded: "stdout" });
  expect(bytes).toBe(100_001);
});

test("with `drop`, output beyond the limit is dropped and the child continues", async () => {
  let bytes = 0;
  const take = (chunk: Uint8Array) => {
    bytes += chunk.length;
  };
  const script = "head -c 10000000 /dev/zero >&2; echo done";
  const { group, kept } = sh(script, { stderr: { take, bytesMax: 1_000, beyond: "drop" } });
  expect(await group.ended).toEqual({ ...success, exceeded: "stderr" });
  expect(kept.stdout).toBe("done\n");
  expect(bytes).toBe(1_000);
});

test("a child cannot use more memory than its limit", async () => {
  const leak = "const all = []; for (;;) all.push(new Uint8Array(1_000_000).fill(1));";
  const { group, kept } = start([process.execPath, "-e", leak], { memoryMib: 400 });
  expect((await group.ended).exitCode).not.toBe(0);
  expect(kept.stderr).toContain("Out of memory");
});

test("when memory runs out, the kernel prefers to kill a child, not the service", async () => {
  const { group } = sh("sleep 1000");
  const score = await Bun.file(`/proc/${group.pid}/oom_score_adj`).text();
  await group.kill({ graceMs: 0 });
  expect(score).toBe("300\n");
});

test("closing kills all groups", async () => {
  const all = [sh("sleep 1000"), sh("trap '' TERM; sleep 1000")];
  await groups.close();
  for (const { group } of all) expect((await group.ended).signal).toBe("SIGKILL");
});
