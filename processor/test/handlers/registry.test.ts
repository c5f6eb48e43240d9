import { afterAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openProcessors } from "../../src/handlers/registry.ts";
import type { Processor, Processors } from "../../src/ports.ts";
import { noLog } from "../children/start.ts";
import { startRun } from "../conformance/handlers/run.ts";
import { eventually } from "../eventually.ts";
import { folderOf, removeFolders } from "../folder.ts";

const opened: Processors[] = [];
afterAll(async () => {
  await Promise.all(opened.map((processors) => processors.close()));
  removeFolders();
});

const simulate: Processor = {
  announcement: { name: "simulate", kind: "simulation", timeout_seconds: 60 },
  handler: async () => ({ kind: "succeeded", outputsJson: "null" }),
  graceMs: 500,
};

async function open(folder: string, { watch = false, isRequired = true } = {}) {
  const errors: string[] = [];
  const { processors, problems } = await openProcessors({
    ...{ folder, isRequired, watch, builtIn: [simulate], timeoutSeconds: 60, concurrency: 8 },
    env: { ...Bun.env, SERVICE_TOKEN: "a-secret-of-16-characters" },
    log: { ...noLog, error: (message) => void errors.push(message) },
  });
  opened.push(processors);
  const names = () => processors.all().map(({ announcement }) => announcement.name);
  return { processors, problems, errors, names };
}

/** What a processor returns. */
async function outputsOf(processors: Processors, name: string): Promise<unknown> {
  const processor = processors.find(name);
  if (processor === undefined) return undefined;
  const end = await startRun(processor).end;
  return end.kind === "succeeded" ? JSON.parse(end.outputsJson) : end;
}

test("no processor can read a setting of the service", async () => {
  const folder = folderOf({
    "one.ts": 'export default { run() {}, env: ["SERVICE_TOKEN"] };',
    "two.toml": 'kind = "command"\ncommand = ["true"]\nenv = ["SERVICE_TOKEN"]',
    "three.toml": 'kind = "http"\nurl = "https://host"\nsigning_secret_env = "SERVICE_TOKEN"',
  });
  const { problems } = await open(folder);
  expect(problems).toEqual([
    "one.ts: `env` names SERVICE_TOKEN, which must be set, and must not be a setting of Sate.",
    "three.toml: `signing_secret_env` names SERVICE_TOKEN, which must be set, and must not be a setting of Sate.",
    "two.toml: `env` names SERVICE_TOKEN, which must be set, and must not be a setting of Sate.",
  ]);
});

/** Each run has a new process. */
const returns = (text: string) => `export default { reuse: false, run: () => ${text} };`;

test("modules and declarations are served under their file names, beside the built-in processors", async () => {
  const { processors, problems, names } = await open(
    folderOf({
      "one.ts": returns("1"),
      "two.toml": 'kind = "command"\ncommand = ["echo", "2"]',
      "types.d.ts": "export {};",
      "notes.md": "no processor",
    }),
  );
  expect(problems).toEqual([]);
  expect(names()).toEqual(["simulate", "one", "two"]);
  expect(await outputsOf(processors, "one")).toBe(1);
  expect(await outputsOf(processors, "two")).toBe(2);
  expect(processors.find("three")).toBeUndefined();
});

test("a file that cannot be loaded is reported with the reason, and the others are served", async () => {
  const { processors, problems, names } = await open(
    folderOf({
      "good.ts": returns("1"),
      "simulate.ts": returns("1"),
      "Upper.ts": returns("1"),
      "twice.ts": returns("1"),
      "twice.toml": 'kind = "command"\ncommand = ["true"]',
      "nothing.ts": "export const run = () => 1;",
      "throws.ts": 'throw new Error("no disk\\nat all");',
      "text.ts": 'throw "text";',
      "typo.ts": "const a = ;\nconst b = ;",
      "package.ts": 'import "no-such-package";',
      "exits.ts": "process.exit(3);",
      "member.ts": "export default { run() {}, timeoutSecond: 3 };",
      "limit.ts": "export default { run() {}, retry: { tries: 0 } };",
      "memory.ts": 'export default { run() {}, isolation: "none", memoryMib: 400 };',
      "variable.ts": 'export default { run() {}, env: ["NOT_SET_ANYWHERE"] };',
      "schema.ts": 'export default { run() {}, input: { $ref: "#/nowhere" } };',
      "wrong.toml": 'kind = "magic"',
    }),
  );
  expect(names()).toEqual(["simulate", "good"]);
  expect(await outputsOf(processors, "good")).toBe(1);
  const members =
    "input, output, run, timeoutSeconds, concurrency, maxPerMinute, retry, memoryMib, isolation, reuse, env";
  const twice = "Another file also declares the processor twice; neither is served.";
  expect(problems).toEqual([
    'Upper.ts: "Upper" is not a valid processor name; use 1 to 64 lowercase letters, digits, dots, hyphens and underscores, starting with a letter or digit.',
    "exits.ts: It ended its process while it was loading (exit code 3).",
    "limit.ts: `retry.tries` must be a whole number from 1 to 100, the first try included.",
    `member.ts: \`timeoutSecond\` is not a known member; the members are ${members}.`,
    'memory.ts: `memoryMib` and `reuse` require a child process, but `isolation` is "none".',
    "nothing.ts: It has no default export with a function `run`: export default defineProcessor({ run(payload) { … } }).",
    expect.stringMatching(
      /^package\.ts: Cannot find package 'no-such-package' imported from .*package\.ts\.$/,
    ),
    expect.stringMatching(/^schema\.ts: Its input is not a JSON Schema: .*\.$/),
    'simulate.ts: "simulate" is the name of a built-in processor.',
    "text.ts: It threw text.",
    "throws.ts: No disk at all.",
    `twice.toml: ${twice}`,
    `twice.ts: ${twice}`,
    "typo.ts: Unexpected ; (typo.ts:1:11).",
    "variable.ts: `env` names NOT_SET_ANYWHERE, which must be set, and must not be a setting of Sate.",
    expect.stringMatching(/^wrong\.toml: /),
  ]);
});

test("a missing folder is a problem only if PROCESSORS_DIR is set", async () => {
  expect((await open("/nowhere/processors", { isRequired: false })).problems).toEqual([]);
  for (const folder of ["/nowhere/processors", "/etc/passwd/x", `/${"n".repeat(300)}`]) {
    const { problems, names } = await open(folder);
    expect(problems).toEqual([`PROCESSORS_DIR must be a readable folder, but ${folder} is not.`]);
    expect(names()).toEqual(["simulate"]);
  }
});

test("changes in a watched folder are served, and a file that becomes invalid keeps its previous version", async () => {
  const folder = folderOf({ "same.ts": returns("1"), "changed.ts": returns("1"), "gone.ts": returns("1") });
  const { processors, errors, names } = await open(folder, { watch: true });
  let changes = 0;
  processors.onChange(() => changes++);
  const same = processors.find("same");
  const changed = processors.find("changed");

  await Bun.write(join(folder, "changed.ts"), returns("2"));
  await Bun.write(join(folder, "new.ts"), 'export default { isolation: "none", run: () => 1 };');
  rmSync(join(folder, "gone.ts"));
  await eventually(() => changes === 1, "the changes are served");
  expect(names()).toEqual(["simulate", "changed", "new", "same"]);
  expect(processors.find("same")).toBe(same);
  expect(await outputsOf(processors, "changed")).toBe(2);
  const version = processors.find("changed")?.announcement.version;
  expect(version).not.toBe(changed?.announcement.version);

  await Bun.write(join(folder, "changed.ts"), "const a = ;");
  await Bun.write(join(folder, "new.ts"), 'export default { isolation: "none", run: () => 2 };');
  await eventually(() => changes === 2, "the change is served");
  expect(errors).toEqual([
    expect.stringMatching(
      /^changed\.ts: Unexpected ; \(changed\.ts:1:11\)\. The previous version is still served\.$/,
    ),
  ]);
  expect(processors.find("changed")?.announcement.version).toBe(version);
  expect(await outputsOf(processors, "changed")).toBe(2);
  expect(names()).toEqual(["simulate", "changed", "new", "same"]);
  expect(await outputsOf(processors, "new")).toBe(2);
}, 30_000);

test("without a watch, a change in the folder does not affect runs", async () => {
  const folder = folderOf({ "one.ts": returns("1") });
  const { processors } = await open(folder);
  await Bun.write(join(folder, "one.ts"), returns("2"));
  expect(await outputsOf(processors, "one")).toBe(1);
});

test("a change does not affect a run in progress, whose process ends after it", async () => {
  const body = (n: number) =>
    `export default { async run(_, { log }) { log("started"); await Bun.sleep(1_500); return ${n}; } };`;
  const folder = folderOf({ "one.ts": body(1) });
  const { processors } = await open(folder, { watch: true });
  let changes = 0;
  processors.onChange(() => changes++);
  const run = startRun(processors.all()[1] as never);
  await eventually(() => run.log() !== "", "it has started");
  await Bun.write(join(folder, "one.ts"), body(2));
  await eventually(() => changes === 1, "the change is served");
  expect(await run.end).toEqual({ kind: "succeeded", outputsJson: "1" });
  expect(await outputsOf(processors, "one")).toBe(2);
}, 30_000);

test("a watched folder that is created later is served", async () => {
  const folder = join(folderOf({}), "processors");
  const { names, processors } = await open(folder, { watch: true, isRequired: false });
  expect(names()).toEqual(["simulate"]);
  let changes = 0;
  processors.onChange(() => changes++);
  await Bun.write(join(folder, "one.ts"), returns("1"));
  await eventually(() => changes === 1, "it is served");
  expect(names()).toEqual(["simulate", "one"]);
});
