import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folders, read, root } from "./folders.ts";

/** The README's commands, in a fresh clone, in their order. */

const readme = [...read("README.md").matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", text = ""]) => ({ language, text }),
);
const commands = readme.filter(({ language }) => language === "bash");
const curls = commands.filter(({ text }) => text.includes("curl"));
const clone = mkdtempSync(join(tmpdir(), "sate-readme-"));
const shown = join(clone, "shown.txt");
const startMs = 240_000;

beforeAll(async () => {
  const { exitCode, stderr } = Bun.spawnSync(["git", "clone", "--quiet", root, clone]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  // A block that begins with the path of a file is that file.
  for (const { text } of readme.filter(({ language }) => language === "ts")) {
    const [, path = ""] = /^\/\/ (\S+)\n/.exec(text) ?? [];
    await Bun.write(join(clone, path), text);
  }
});

// Thousands of files: on a busy machine that takes more than the usual five seconds.
afterAll(() => rmSync(clone, { recursive: true, force: true }), 60_000);

/** Without any setting. */
const { PORT, HOST, DATA_DIR, CI, ...env } = process.env;
const here = { cwd: clone, env };
const get = (path: string) => fetch(`http://127.0.0.1:5003${path}`).catch(() => undefined);

/** Starts Sate. The result stops it as Ctrl-C in a terminal does, and waits until it is gone. */
async function start(command: string): Promise<() => Promise<void>> {
  const child = Bun.spawn(["bash", "-c", command], {
    ...here,
    detached: true,
    stdio: ["ignore", "ignore", "ignore"],
  });
  const end = performance.now() + startMs;
  while (!(await get("/ready"))?.ok) {
    if (child.exitCode !== null) throw new Error(`"${command}" ended with ${child.exitCode}`);
    if (performance.now() > end) throw new Error(`"${command}" was not ready in time`);
    await Bun.sleep(100);
  }
  return async () => {
    process.kill(-child.pid, "SIGINT");
    await child.exited;
    while (await get("/live")) await Bun.sleep(50);
  };
}

/** The members of a JSON value at every depth; of an array those of its first entry. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shape(member)]));
}

const hasJava = Boolean(Bun.which("java") && Bun.which("mvn"));
describe.each(["npx -y bun run up", "npx -y bun run cluster"])("with %s", (command) => {
  test.if(hasJava || !command.includes("cluster"))(
    "the README's curls return what it shows",
    async () => {
      expect(commands.some(({ text }) => text.trim() === command)).toBe(true);
      const stop = await start(command);
      try {
        // One shell for all, since later commands use what earlier ones have set.
        const script = curls.map(({ text }) => `${text}\nprintf '\\n\\036\\n'\n`).join("");
        const shell = Bun.spawn(["bash", "-euo", "pipefail", "-c", script], {
          ...here,
          stdout: "pipe",
          // A file: `tee /dev/stderr` cannot open a socket, which a pipe of Bun is.
          stderr: Bun.file(shown),
        });
        const printed = (await shell.stdout.text()).split("\x1e").map((text) => text.trim());
        expect(await shell.exited).toBe(0);
        const echoed = await Bun.file(shown).text();
        // A command that keeps what it prints in a variable shows it on standard error.
        for (const [index, curl] of curls.entries()) {
          const expected = readme[readme.indexOf(curl) + 1];
          if (expected?.language !== "json") continue;
          const got = printed[index] || echoed.slice(echoed.lastIndexOf('{"id"'));
          const first = got.replace(/(?<=\})\{"results".*/s, "");
          expect(shape(JSON.parse(first))).toEqual(shape(JSON.parse(expected.text)));
        }
        for (const text of printed) expect(text).not.toContain('"status":5');
      } finally {
        await stop();
      }
    },
    420_000,
  );
});

test("every other command of the README is known", () => {
  const others = commands.filter((block) => !curls.includes(block));
  const { scripts } = JSON.parse(read("package.json"));
  for (const line of others.flatMap(({ text }) => text.trim().split("\n"))) {
    const [, script] = /^npx -y bun run ([a-z]+)( alice read\+submit)?$/.exec(line) ?? [];
    if (script) expect(Object.keys(scripts)).toContain(script);
    else expect(line).toBe("docker compose up");
  }
  expect(read(".ci/run")).toContain("npx -y bun run test");
});

test("the command that makes the secrets of compose.yaml makes them once", async () => {
  const secrets = () => {
    expect(Bun.spawnSync(["npx", "-y", "bun", "run", "env"], here).exitCode).toBe(0);
    return Bun.file(join(clone, ".env")).text();
  };
  const before = await secrets();
  expect(before).toMatch(/^SERVICE_TOKEN=\w{32,}$/m);
  expect(await secrets()).toBe(before);
  // Only Docker reads them, though Bun reads such files by default.
  const seen = Bun.spawnSync([process.execPath, "-e", "console.log(Bun.env.SERVICE_TOKEN ?? 'none')"], here);
  expect(seen.stdout.toString()).toBe("none\n");
}, 60_000);

test("the command that makes a key prints it beside its entry", () => {
  const [command = ""] = commands.flatMap(({ text }) => (text.includes("bun run key") ? [text.trim()] : []));
  const { exitCode, stdout, stderr } = Bun.spawnSync(command.split(" "), here);
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toMatch(/^alice:read\+submit:[0-9a-f]{64}\n$/);
  expect(stderr.toString()).toMatch(/sate_[\w-]{43}/);
}, 60_000);

test.each(folders)("%s has a README, a CHANGELOG and a lock file", (folder) => {
  const files = ["README.md", "CHANGELOG.md", "bun.lock"];
  expect(files.filter((file) => !existsSync(join(root, folder, file)))).toEqual([]);
});
