import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { composeFile, ownServices, readCompose } from "../src/compose/compose.ts";

const root = dirname(composeFile);
const compose = await readCompose();
const folder = mkdtempSync(join(tmpdir(), "sate-images-"));
// Thousands of files: on a busy machine that takes more than the usual five seconds.
afterAll(() => rmSync(folder, { recursive: true, force: true }), 60_000);

const linesOf = (file: string) =>
  readFileSync(join(root, file), "utf8")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"));

/** Whether a .dockerignore that excludes everything but the paths after `!` lets a path through. */
function isIncluded(ignoreFile: string): (path: string) => boolean {
  const [everything, ...included] = linesOf(ignoreFile);
  if (everything !== "*") throw new Error(`${ignoreFile} must exclude everything first`);
  const isWithin = (path: string, parent: string) => path === parent || path.startsWith(`${parent}/`);
  return (path) =>
    included.map((line) => line.slice(1)).some((each) => isWithin(path, each) || isWithin(each, path));
}

/**
 * Does in folders below `to` what Docker would do in images, for FROM, WORKDIR, COPY and RUN bun. Returns the folder
 * and the command with which a container would start.
 */
function build(dockerfile: string, to: string): { cwd: string; command: string[] } {
  const isInContext = isIncluded(`${dockerfile}.dockerignore`);
  let stage = "";
  let cwd = "/";
  let command: string[] = [];
  const at = (path: string) => join(stage, resolve(cwd, path));
  for (const line of linesOf(dockerfile)) {
    const [word, ...words] = line.split(" ") as [string, string, ...string[]];
    if (word === "FROM") [stage, cwd] = [join(to, words[2] ?? "image"), "/"];
    if (word === "WORKDIR") {
      cwd = resolve(cwd, words[0]);
      mkdirSync(at("."), { recursive: true });
    }
    if (word === "COPY") {
      const from = words[0].startsWith("--from=") ? join(to, words.shift()?.slice(7) ?? "") : undefined;
      const target = words.pop() ?? "";
      for (const path of words) {
        const source = join(from ?? root, path);
        const isInto = target.endsWith("/") && !statSync(source).isDirectory();
        const filter = (file: string) => from !== undefined || isInContext(relative(root, file));
        cpSync(source, at(isInto ? join(target, basename(path)) : target), { recursive: true, filter });
      }
    }
    // Packages of Alpine are for commands of users: the service needs none.
    if (word === "RUN" && words[0] === "bun") {
      const { exitCode, stderr } = Bun.spawnSync([process.execPath, ...words.slice(1)], { cwd: at(".") });
      if (exitCode !== 0) throw new Error(`${line}: ${stderr}`);
    }
    if (word === "CMD") command = JSON.parse(words.join(" "));
  }
  return { cwd: at("."), command };
}

test.each(ownServices(compose))(
  "the image of %s is pinned, does not run as root, and starts from its own files alone",
  (name) => {
    const dockerfile = `${name}/Dockerfile`;
    expect(compose.services[name]?.build?.dockerfile).toBe(dockerfile);
    const restOf = (word: string) =>
      linesOf(dockerfile).flatMap((line) =>
        line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : [],
      );
    for (const image of restOf("FROM")) expect(image).toStartWith(`oven/bun:${Bun.version}-alpine`);
    const packages = `[ -z "$PACKAGES" ] || apk add --no-cache $PACKAGES`;
    expect(restOf("RUN")).toEqual([
      "bun install --frozen-lockfile --production",
      ...(name === "processor" ? [packages] : []),
    ]);
    expect(restOf("USER")).toEqual(["bun"]);

    const { cwd, command } = build(dockerfile, join(folder, name));
    expect(command).toEqual(compose.services[name]?.command as string[]);
    expect(existsSync(join(cwd, "test"))).toBe(false);
    // It can end with the exit code for missing settings only when all its modules are there.
    const run = Bun.spawnSync([process.execPath, ...command.slice(1)], { cwd, env: {}, timeout: 20_000 });
    const output = `${run.stdout}${run.stderr}`;
    expect([run.exitCode, output]).toEqual([78, expect.stringContaining("SERVICE_TOKEN")]);
  },
  120_000,
);
