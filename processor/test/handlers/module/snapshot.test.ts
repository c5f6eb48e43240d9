import { afterAll, expect, test } from "bun:test";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createGroups } from "../../../src/children/group.ts";
import { createWarm } from "../../../src/children/warm.ts";
import { loadModule } from "../../../src/handlers/module/load.ts";
import { noLog } from "../../children/start.ts";
import { startRun } from "../../conformance/handlers/run.ts";
import { eventually } from "../../eventually.ts";
import { folderOf, removeFolders } from "../../folder.ts";

const groups = createGroups({ log: noLog });
afterAll(async () => {
  await groups.close();
  removeFolders();
});

/** The module `one.ts` of a folder, and what the service warned of. */
async function load(folder: string) {
  const warnings: string[] = [];
  const warn = (message: string, fields: object = {}) =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const options = { timeoutSeconds: 60, env: Bun.env, groups, warm: createWarm(8) };
  const loaded = await loadModule(join(folder, "one.ts"), { ...options, log: { ...noLog, warn } });
  if (loaded.kind === "wrong") throw new Error(loaded.problem);
  return { ...loaded, warnings };
}

/** What one run returns. */
async function outputsOf({ processor }: Awaited<ReturnType<typeof load>>): Promise<unknown> {
  const end = await startRun(processor).end;
  return end.kind === "succeeded" ? JSON.parse(end.outputsJson) : end;
}

const files = {
  "one.ts": `
    import { Failure } from "sate";
    import { n } from "./code.ts";
    import data from "./data.json";
    import text from "./text.txt";
    export default { reuse: false, async run() {
      return [1, n, data.n, text, (await import("./late.js")).n, require("./data.json"), import.meta.dir];
    } };`,
  "code.ts": "export const n: number = 1;",
  "late.js": "export const n = 1;",
  "data.json": '{"n":1}',
  "text.txt": "1",
};

test("changing or deleting a module or its imports does not affect runs", async () => {
  const folder = folderOf(files);
  const one = await load(folder);
  const outputs = [1, 1, 1, "1", 1, { n: 1 }, folder];
  expect(await outputsOf(one)).toEqual(outputs);
  for (const [name, text] of Object.entries(files)) {
    await Bun.write(join(folder, name), text.replaceAll("1", "2"));
  }
  expect(await outputsOf(one)).toEqual(outputs);
  const next = await load(folder);
  expect(await outputsOf(next)).toEqual([2, 2, 2, "2", 2, { n: 2 }, folder]);
  expect(next.processor.announcement.version).not.toBe(one.processor.announcement.version);
  for (const name of Object.keys(files)) rmSync(join(folder, name));
  expect(await outputsOf(one)).toEqual(outputs);
});

test("a child that replaces an aborted one runs the module as it was loaded", async () => {
  const folder = folderOf({
    "one.ts": `
      import { n } from "./code.ts";
      export default { async run(_, { log, attempt }) { log("n", n); await Bun.sleep(attempt === 1 ? 60_000 : 0); return n; } };`,
    "code.ts": "export const n = 1;",
  });
  const one = await load(folder);
  const run = startRun(one.processor, { attempt: 1 });
  await eventually(() => run.log() !== "", "it has started");
  await Bun.write(join(folder, "code.ts"), "export const n = ;");
  run.abort("cancelled");
  await run.end;
  const end = await startRun(one.processor, { attempt: 2 }).end;
  expect(end).toEqual({ kind: "succeeded", outputsJson: "1" });
}, 30_000);

test("after a symbolic link to a module changes its target, runs still use the loaded module", async () => {
  const [before, after] = [folderOf(files), folderOf({ "one.ts": "export default { run: () => 2 };" })];
  const folder = folderOf({});
  symlinkSync(join(before, "one.ts"), join(folder, "one.ts"));
  const one = await load(folder);
  rmSync(join(folder, "one.ts"));
  symlinkSync(join(after, "one.ts"), join(folder, "one.ts"));
  rmSync(before, { recursive: true });
  expect(await outputsOf(one)).toEqual([1, 1, 1, "1", 1, { n: 1 }, before]);
});

test("an error in a changed file is located in the file as it was loaded", async () => {
  const folder = folderOf({ "one.ts": "export default {\n run() {\n throw new TypeError(); } };" });
  const { processor } = await load(folder);
  await Bun.write(join(folder, "one.ts"), "\n\n\n\n\n// Something else.");
  const run = startRun(processor);
  await run.end;
  expect(run.log()).toMatch(/one\.ts:3:\d+/);
});

test("a CommonJS file that has changed is not run under the old version", async () => {
  const folder = folderOf({
    "one.ts": 'import { n } from "./old.cjs"; export default { reuse: false, run: () => n };',
    "old.cjs": "exports.n = 1;",
  });
  const one = await load(folder);
  expect(await outputsOf(one)).toBe(1);
  await Bun.write(join(folder, "old.cjs"), "exports.n = 2;");
  expect(await outputsOf(one)).toEqual({
    kind: "broken",
    error: { code: "unexpected_error", message: "The processor's module cannot be loaded." },
  });
  expect(one.warnings.join()).toContain(
    "old.cjs is CommonJS, and has changed since the processor was loaded.",
  );
});

test("without isolation, a changed module is reloaded, but a changed import needs a restart", async () => {
  const main = (n: number) =>
    `import { m } from "./code.ts"; export default { isolation: "none", run: () => [${n}, m] };`;
  const folder = folderOf({ "one.ts": main(1), "code.ts": "export const m = 1;" });
  expect(await outputsOf(await load(folder))).toEqual([1, 1]);
  await Bun.write(join(folder, "one.ts"), main(2));
  expect(await outputsOf(await load(folder))).toEqual([2, 1]);
  await Bun.write(join(folder, "code.ts"), "export const m = 2;");
  await expect(load(folder)).rejects.toThrow(
    "one.ts: The service process has already imported code.ts. Restart the service to apply the change.",
  );
});

test("the standard input of a module and of its child processes is empty", async () => {
  const text = `
    import { readFileSync } from "node:fs";
    export default { async run() {
      const cat = Bun.spawn(["cat"], { stdin: "inherit" });
      const texts = [await Bun.stdin.text(), readFileSync(0, "utf8"), await cat.stdout.text()];
      for await (const chunk of process.stdin) texts.push(String(chunk));
      return texts;
    } };`;
  expect(await outputsOf(await load(folderOf({ "one.ts": text })))).toEqual(["", "", ""]);
});

test("a module that is too large is reported", async () => {
  const folder = folderOf({
    "one.ts": 'import text from "./text.txt"; export default { run: () => text.length };',
    "text.txt": "x".repeat(16 * 1024 * 1024),
  });
  await expect(load(folder)).rejects.toThrow(
    "one.ts: It and the files that it imports must have at most 16777216 bytes.",
  );
});
