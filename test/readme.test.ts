import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folders, read, root } from "./folders.ts";

/** The README as a stranger follows it: its commands, in a fresh clone, in their order. */

type Block = { language: string; text: string };

function blocks(path: string): Block[] {
  return [...read(path).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({
    language,
    text,
  }));
}

const readme = blocks("README.md");
const commands = readme.filter(({ language }) => language === "bash");
const starts = ["npx -y bun run up", "npx -y bun run cluster"];
const curls = commands.filter(({ text }) => text.includes("curl"));
const clone = mkdtempSync(join(tmpdir(), "sate-readme-"));
const shown = join(clone, "shown.txt");
const startMs = 240_000;

beforeAll(async () => {
  const { exitCode, stderr } = Bun.spawnSync(["git", "clone", "--quiet", root, clone]);
  if (exitCode !== 0) throw new Error(stderr.toString());
});

// Thousands of files: on a busy machine that takes more than the usual five seconds.
afterAll(() => rmSync(clone, { recursive: true, force: true }), 60_000);

/** The environment of somebody who has set nothing. */
const { PORT: _port, HOST: _host, DATA_DIR: _dataDir, CI: _ci, ...strangersEnv } = process.env;

async function startAsStranger(command: string): Promise<ChildProcess> {
  const child = spawn("bash", ["-c", command], {
    cwd: clone,
    env: strangersEnv,
    detached: true,
    stdio: "ignore",
  });
  const end = performance.now() + startMs;
  while (performance.now() < end) {
    if (child.exitCode !== null) throw new Error(`"${command}" ended with ${child.exitCode}`);
    const answer = await fetch("http://127.0.0.1:5003/ready").catch(() => null);
    if (answer?.ok) return child;
    await Bun.sleep(100);
  }
  throw new Error(`"${command}" was not ready in time`);
}

/** Ctrl-C in its terminal. */
async function interrupt(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  process.kill(-(child.pid as number), "SIGINT");
  await ended;
  while (await fetch("http://127.0.0.1:5003/live").catch(() => null)) await Bun.sleep(50);
}

/** The members that a JSON value has, all the way down; of an array those of its first entry. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shape(member)]));
}

for (const command of starts) {
  const needsJava = command.includes("cluster");
  const canRun = !needsJava || (Bun.which("java") && Bun.which("mvn"));
  describe.if(Boolean(canRun))(`${command}, and the README's curls`, () => {
    test("give what the README says", async () => {
      expect(commands.some(({ text }) => text.trim() === command)).toBe(true);
      const child = await startAsStranger(command);
      try {
        // One shell for all, since later commands use what earlier ones have set.
        const script = curls.map(({ text }) => `${text}\nprintf '\\n\\036\\n'\n`).join("");
        const shell = Bun.spawn(["bash", "-euo", "pipefail", "-c", script], {
          cwd: clone,
          env: strangersEnv,
          stdout: "pipe",
          // A file: `tee /dev/stderr` cannot open a socket, which a pipe of Bun is.
          stderr: Bun.file(shown),
        });
        const output = await new Response(shell.stdout).text();
        expect(await shell.exited).toBe(0);
        const echoed = await Bun.file(shown).text();
        const printed = output.split("\x1e").map((text) => text.trim());
        // A command that keeps what it prints in a variable shows it on standard error.
        for (const [index, { text }] of curls.entries()) {
          const at = readme.findIndex((block) => block.text === text && block.language === "bash");
          const promised = readme[at + 1];
          if (promised?.language !== "json") continue;
          const got =
            printed[index] === "" ? echoed.slice(echoed.lastIndexOf('{"id"')) : (printed[index] ?? "");
          const first = got.includes('}{"results"') ? got.slice(0, got.indexOf('}{"results"') + 1) : got;
          expect(shape(JSON.parse(first))).toEqual(shape(JSON.parse(promised.text)));
        }
        for (const text of printed) expect(text).not.toContain('"status":5');
      } finally {
        await interrupt(child);
      }
    }, 420_000);
  });
}

test("every other command of the README is known", () => {
  const rest = commands
    .filter((block) => !curls.includes(block))
    .flatMap(({ text }) => text.trim().split("\n"));
  const { scripts } = JSON.parse(read("package.json"));
  for (const line of rest) {
    const [, script] = /^npx -y bun run ([a-z]+)( alice read\+submit)?$/.exec(line) ?? [];
    if (script) expect(Object.keys(scripts)).toContain(script);
    else expect(line).toBe("docker compose up");
  }
  expect(read(".ci/run")).toContain("npx -y bun run test");
});

test("the command that makes the secrets of compose.yaml makes them once", async () => {
  const make = () => Bun.spawnSync(["npx", "-y", "bun", "run", "env"], { cwd: clone, env: strangersEnv });
  const secrets = () => Bun.file(join(clone, ".env")).text();
  expect(make().exitCode).toBe(0);
  const before = await secrets();
  expect(before).toMatch(/^SERVICE_TOKEN=\w{32,}$/m);
  expect(make().exitCode).toBe(0);
  expect(await secrets()).toBe(before);
  // They are Docker's: they change nothing for those who start Sate here, though Bun reads such files by itself.
  const seen = Bun.spawnSync([process.execPath, "-e", "console.log(Bun.env.SERVICE_TOKEN ?? 'none')"], {
    cwd: clone,
    env: strangersEnv,
  });
  expect(seen.stdout.toString()).toBe("none\n");
}, 60_000);

test("the command that makes a key prints it beside its entry", () => {
  const [command = ""] = commands.flatMap(({ text }) => (text.includes("bun run key") ? [text.trim()] : []));
  const { exitCode, stdout, stderr } = Bun.spawnSync(command.split(" "), { cwd: clone, env: strangersEnv });
  expect(exitCode).toBe(0);
  expect(stdout.toString()).toMatch(/^alice:read\+submit:[0-9a-f]{64}\n$/);
  expect(stderr.toString()).toMatch(/sate_[\w-]{43}/);
}, 60_000);

test("every folder has a README, a CHANGELOG and a lock file", () => {
  for (const folder of folders) {
    for (const file of ["README.md", "CHANGELOG.md", "bun.lock"]) {
      expect(existsSync(join(root, folder, file)) ? "" : `${folder} has no ${file}`).toBe("");
    }
  }
});
