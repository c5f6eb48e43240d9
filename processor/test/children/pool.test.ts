import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Child, type Reply, startModuleChild } from "../../src/children/child.ts";
import { createPool, type PoolOptions } from "../../src/children/pool.ts";
import { createWarm } from "../../src/children/warm.ts";
import { Aborted } from "../../src/ports.ts";
import { eventually } from "../eventually.ts";
import { groupsOfTest, isDead, temporaryFolder } from "./start.ts";

const { groups } = groupsOfTest();
const folder = temporaryFolder();
let count = 0;

/** A pool of a module with this `run`. */
async function poolOf(body: string, options: Partial<PoolOptions> = {}) {
  const path = join(folder, `${count++}.ts`);
  await Bun.write(path, `export default { async run(payload, context) { ${body} } };`);
  const env = { PATH: Bun.env.PATH ?? "" };
  const children: Child[] = [];
  const strays: string[] = [];
  const started = () => {
    const child = startModuleChild(groups, { path, env, onStrayOutput: (text) => strays.push(text) });
    children.push(child);
    return child;
  };
  const pool = createPool({ start: started, reuse: true, warm: createWarm(8), ...options });

  function start(payload: unknown = null) {
    const controller = new AbortController();
    const kept = { log: "" };
    const message = {
      kind: "run",
      payloadJson: JSON.stringify(payload),
      ...{ requestId: "r", executionId: "e", epoch: 1, attempt: 1, tryNumber: 1, forceError: false },
      deadlineMs: 60_000,
      outputsBytesMax: 1_000,
    } as const;
    const log = (text: string) => {
      kept.log += text;
    };
    const reply = pool.run(message, { log, progress() {} }, controller.signal);
    return { reply, kept, abort: () => controller.abort(new Aborted("cancelled")) };
  }

  return {
    pool,
    path,
    start,
    children,
    strays,
    outputs: async (payload?: unknown) => outputsOf(await start(payload).reply),
  };
}

/** What the run returned. */
function outputsOf(reply: Reply): unknown {
  const { end } = (reply.kind === "replied" ? reply.body : {}) as {
    end?: { kind: string; outputsJson: string };
  };
  if (end?.kind !== "succeeded") throw new Error(JSON.stringify(reply));
  return JSON.parse(end.outputsJson);
}

test("a child is reused, and has only one run at a time", async () => {
  const { outputs, pool } = await poolOf("await Bun.sleep(5); return process.pid;");
  const first = await outputs();
  const both = await Promise.all([outputs(), outputs()]);
  expect(both[0]).toBe(first);
  expect(both[1]).not.toBe(first);
  expect(pool.idle()).toBe(2);
});

test("a child that is idle for long enough ends", async () => {
  const { outputs, pool } = await poolOf("return process.pid;", { idleMs: 1 });
  const pid = Number(await outputs());
  await eventually(() => isDead(pid), "it has ended");
  expect(pool.idle()).toBe(0);
});

test("all pools together keep no more children than there may be concurrent runs", async () => {
  const warm = createWarm(2);
  const pools = [
    await poolOf("return process.pid;", { warm }),
    await poolOf("return process.pid;", { warm }),
  ];
  const [one, other] = pools as [(typeof pools)[0], (typeof pools)[0]];
  const first = Number(await one.outputs());
  const pids = await Promise.all([other.outputs(), other.outputs()]);
  await eventually(() => isDead(first), "the one that was idle for longest has ended");
  expect(one.pool.idle()).toBe(0);
  for (const pid of pids) expect(await isDead(Number(pid))).toBe(false);
});

test("a child is replaced after its maximum of runs, or after each run with `reuse: false`", async () => {
  const most = await poolOf("return process.pid;", { runsMax: 2 });
  const pids = [await most.outputs(), await most.outputs(), await most.outputs()];
  expect(pids[0]).toBe(pids[1]);
  expect(pids[1]).not.toBe(pids[2]);
  expect(await isDead(Number(pids[0]))).toBe(true);
  const never = await poolOf("return process.pid;", { reuse: false });
  expect(await never.outputs()).not.toBe(await never.outputs());
});

test("an idle child that dies does not fail a run", async () => {
  const { outputs } = await poolOf("return process.pid;");
  const pid = Number(await outputs());
  process.kill(pid, "SIGKILL");
  await eventually(() => isDead(pid), "it is dead");
  expect(await outputs()).not.toBe(pid);
});

test("a child is not reused after an abort", async () => {
  const { start, outputs, pool } = await poolOf(
    "if (payload === 'wait') { console.log('ready'); await new Promise(() => setInterval(() => {}, 1_000)); } return process.pid;",
  );
  const pid = await outputs();
  const run = start("wait");
  await eventually(() => run.kept.log === "ready\n", "it runs");
  run.abort();
  expect((await run.reply).kind).toBe("died");
  expect(pool.idle()).toBe(0);
  expect(await outputs()).not.toBe(pid);
}, 30_000);

test("after a run that ends when it is aborted, its child exits without being killed", async () => {
  const body =
    "console.log('ready'); await new Promise((end) => context.signal.addEventListener('abort', end));";
  const { start, children } = await poolOf(`${body} return context.signal.reason.why;`);
  const run = start();
  await eventually(() => run.kept.log === "ready\n", "it runs");
  run.abort();
  expect(outputsOf(await run.reply)).toBe("cancelled");
  expect(await children[0]?.ended).toEqual({ exitCode: 0, signal: null, exceeded: null });
});

test("an uncaught error ends the first run of a child, but not a later one", async () => {
  const { start, outputs } = await poolOf(
    "if (payload === 'later') setTimeout(() => { throw new RangeError('stray'); }, 20);" +
      "if (payload === 'now') { setTimeout(() => { throw new RangeError('stray'); }); await new Promise(() => {}); }" +
      "if (payload === 'slow') await Bun.sleep(100); return process.pid;",
  );
  const now = start("now");
  expect(await now.reply).toMatchObject({ body: { end: { kind: "broken" } }, isReusable: false });
  expect(now.kept.log).toContain("RangeError: stray");
  const first = await outputs("later");
  const slow = start("slow");
  expect(outputsOf(await slow.reply)).toBe(first);
  expect(slow.kept.log).toContain("RangeError: stray");
  expect(await outputs()).not.toBe(first);
});

test("after an error between runs, a child gets no further run", async () => {
  const flag = join(folder, "thrown");
  const later = `setTimeout(() => { require("node:fs").writeFileSync("${flag}", ""); throw new Error("stray"); })`;
  const { outputs, strays } = await poolOf(`if (payload === "later") ${later}; return process.pid;`);
  await outputs();
  const second = await outputs("later");
  await eventually(() => Bun.file(flag).exists(), "it was thrown");
  await eventually(() => strays.length > 0, "it is reported");
  expect(strays[0]).toContain("error: stray");
  expect(await outputs()).not.toBe(second);
});

test("the output of a run is in its own log only, complete and in order", async () => {
  const { start } = await poolOf(
    "for (let n = 0; n < 20; n++) { console.log(payload, n); console.error(payload); process.stdout.write('ü'); } return null;",
  );
  for (let n = 0; n < 20; n++) {
    const { reply, kept } = start(n);
    await reply;
    const lines = kept.log.split(/\n|ü/).filter(Boolean);
    expect(lines.filter((line) => line === String(n))).toHaveLength(20);
    expect(lines.filter((line) => line !== String(n))).toEqual(
      Array.from({ length: 20 }, (_, m) => `${n} ${m}`),
    );
  }
});

test("a run may close its output; its child is not reused", async () => {
  const { outputs } = await poolOf("require('node:fs').closeSync(1); return process.pid;");
  expect(await outputs()).not.toBe(await outputs());
});

test("a module that can no longer be loaded fails the run, and is loaded again for the next", async () => {
  const { start, outputs, path } = await poolOf("return 1;");
  await Bun.write(path, "throw new Error('no disk');");
  const run = start();
  expect(await run.reply).toEqual({ kind: "unloadable", reason: "no disk" });
  expect(run.kept.log).toContain("no disk");
  await Bun.write(path, "export default { run: () => 2 };");
  expect(await outputs()).toBe(2);
});

test("a retired pool ends idle children at once and busy ones after their run", async () => {
  const { pool, start, outputs } = await poolOf(
    "console.log(process.pid); await Bun.sleep(50); return process.pid;",
  );
  const idle = Number(await outputs());
  const [kept, other] = [start(), start()];
  await eventually(() => kept.kept.log !== "" && other.kept.log !== "", "both run");
  await kept.reply;
  await other.reply;
  const run = start();
  pool.retire();
  const last = Number(outputsOf(await run.reply));
  for (const pid of [idle, last, Number(other.kept.log)]) await eventually(() => isDead(pid), "it is dead");
  expect(pool.idle()).toBe(0);
});
