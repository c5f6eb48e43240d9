import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { createGroups } from "../../../src/children/group.ts";
import { createWarm } from "../../../src/children/warm.ts";
import { loadModule } from "../../../src/handlers/module/load.ts";
import { noLog } from "../../children/start.ts";
import { startRun } from "../../conformance/handlers/run.ts";
import { folderOf, removeFolders } from "../../folder.ts";

const groups = createGroups({ log: noLog });
afterAll(async () => {
  await groups.close();
  removeFolders();
});

/** Runs a module with this text once, and returns how it ended, its log, and the warnings of the service. */
async function runOf(text: string, payload: unknown = null) {
  const warnings: string[] = [];
  const warn = (message: string, fields: object = {}) =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const path = join(
    folderOf({ "one.ts": `import { defineProcessor, Failure, Type } from "sate";\n${text}` }),
    "one.ts",
  );
  const env = { ...Bun.env, GIVEN: "yes" };
  const loaded = await loadModule(path, {
    timeoutSeconds: 60,
    env,
    groups,
    warm: createWarm(8),
    log: { ...noLog, warn },
  });
  if (loaded.kind === "wrong") throw new Error(loaded.problem);
  const run = startRun(loaded.processor, { payloadJson: JSON.stringify(payload) });
  const end: unknown = await run.end;
  loaded.retire();
  return {
    end,
    log: run.log(),
    progress: run.progress,
    warnings,
    announcement: loaded.processor.announcement,
  };
}

/** The end of a module whose `run` has this body. */
const endOf = async (body: string): Promise<unknown> =>
  (await runOf(`export default { async run() { ${body} } };`)).end;

const unexpected = (name: string) => ({
  kind: "broken",
  error: { code: "unexpected_error", message: `The processor threw an unexpected error (${name}).` },
});
const notJson = (message: string) => ({
  kind: "failed",
  error: {
    code: "outputs_not_json",
    message: `The processor returned a value that JSON cannot represent ${message}`,
  },
  isRetryable: false,
});

test("a definition is announced with its limits", async () => {
  const { announcement } = await runOf(`export default defineProcessor({
    input: Type.Object({ n: Type.Optional(Type.Integer()) }),
    timeoutSeconds: 1.5, concurrency: 2, maxPerMinute: 30, memoryMib: 512, env: ["GIVEN"],
    retry: { tries: 3, firstSeconds: 2 },
    run: () => null,
  });`);
  expect(announcement).toEqual({
    name: "one",
    kind: "module",
    version: expect.stringMatching(/^[0-9a-f]{64}$/),
    input_json: '{"type":"object","properties":{"n":{"type":"integer"}}}',
    ...{ timeout_seconds: 1.5, concurrency: 2, max_per_minute: 30, memory_mib: 512 },
    retry: { tries: 3, first_seconds: 2, max_seconds: 60 },
  });
});

test("a module needs only `run`, and gets the defaults of the service", async () => {
  const { end, announcement } = await runOf("export default { run: (payload) => [payload] };", { a: 1 });
  expect(end).toEqual({ kind: "succeeded", outputsJson: '[{"a":1}]' });
  expect(announcement).toEqual({
    ...{ name: "one", kind: "module", timeout_seconds: 60 },
    version: expect.any(String),
  });
});

test("the version depends on the code of the file and its imports, but not on comments", async () => {
  const versionOf = async (main: string, other: string) => {
    const folder = folderOf({ "one.ts": main, "other.ts": other });
    const options = { timeoutSeconds: 60, env: Bun.env, groups, warm: createWarm(8), log: noLog };
    const loaded = await loadModule(join(folder, "one.ts"), options);
    return loaded.kind === "read" && loaded.processor.announcement.version;
  };
  const main = 'import { n } from "./other.ts"; export default { run: () => n };';
  const version = await versionOf(main, "export const n = 1;");
  expect(await versionOf(`// A comment.\n${main}`, "export const n = 1;")).toBe(version);
  expect(await versionOf(main, "export const n = 2;")).not.toBe(version);
});

test("outputs that JSON cannot represent are a failure", async () => {
  expect(await endOf("")).toEqual(notJson("(undefined). Return null for no outputs."));
  expect(await endOf("return () => 1;")).toEqual(notJson("(function). Return null for no outputs."));
  expect(await endOf("return 1n;")).toEqual(notJson("(TypeError)."));
  expect(await endOf("const a = {}; a.a = a; return a;")).toEqual(notJson("(TypeError)."));
  expect(await endOf("return { toJSON() { throw new RangeError(); } };")).toEqual(notJson("(RangeError)."));
  expect(await endOf("return { get a() { throw null; } };")).toEqual(notJson("(object)."));
});

test("whatever is thrown is an unexpected error", async () => {
  expect(await endOf("throw undefined;")).toEqual(unexpected("undefined"));
  expect(await endOf("throw 'text';")).toEqual(unexpected("string"));
  expect(await endOf("throw { get name() { throw 1; } };")).toEqual(unexpected("object"));
  const hostile = "const e = new Error(); Object.defineProperty(e, 'name', { get() { throw e; } });";
  expect(await endOf(`${hostile} throw e;`)).toEqual(unexpected("Error"));
  expect(await endOf("return { get then() { throw new URIError(); } };")).toEqual(unexpected("URIError"));
  expect(await endOf("throw new Proxy({}, { get() { throw 1; } });")).toEqual(unexpected("object"));
});

test("for an unexpected error, the client gets the class, the run's log the message and location, and the service's log no message", async () => {
  const { end, log, warnings } = await runOf(
    "export default {\n run() {\n throw new TypeError('secret');\n } };",
  );
  expect(end).toEqual(unexpected("TypeError"));
  for (const text of [log, warnings.join()]) expect(text).toMatch(/one\.ts:4:\d+/);
  expect(log).toContain("TypeError: secret");
  expect(warnings.join()).not.toContain("secret");
  expect(log).not.toContain("\u001b");
});

test("a Failure has a code and a message, and may say that it must not be retried", async () => {
  const failure = (text: string) => runOf(`export default { run() { throw ${text}; } };`);
  const error = { code: "empty", message: "Nothing." };
  expect((await failure('new Failure("empty", "Nothing.")')).end).toEqual({
    kind: "failed",
    error,
    isRetryable: true,
  });
  const own = 'Object.assign(new Error("Nothing."), { name: "Failure", code: "empty", retryable: false })';
  expect((await failure(own)).end).toEqual({ kind: "failed", error, isRetryable: false });
});

test("outputs that do not match their schema are an unexpected error", async () => {
  const { end } = await runOf(
    "export default defineProcessor({ output: Type.Object({ n: Type.Integer() }), run: () => ({ n: 0.5 }) });",
  );
  expect(end).toMatchObject({ kind: "broken", error: { code: "unexpected_error" } });
  expect((end as { error: { message: string } }).error.message).toContain("/n: ");
});

test("a module that exits its process fails its run with the exit code", async () => {
  const message = "The process of the run exited with code 3 before the run had ended.";
  expect(await endOf("process.exit(3);")).toEqual({
    kind: "broken",
    error: { code: "process_died", message },
  });
});

test("a run that exceeds its memory limit fails without affecting others", async () => {
  const leak = "const all = []; for (;;) all.push(new Uint8Array(1_000_000).fill(1));";
  const { end } = await runOf(`export default { memoryMib: 400, run() { ${leak} } };`);
  expect(end).toMatchObject({ kind: "broken" });
});

test("the error of a killed run states its memory limit", async () => {
  const { end } = await runOf(
    "export default { memoryMib: 400, run() { process.kill(process.pid, 'SIGKILL'); } };",
  );
  const { message } = (end as { error: { message: string } }).error;
  expect(message).toEndWith("perhaps out of memory. Its memory is limited to 400 MiB.");
});

test("texts are cut before they leave the child", async () => {
  const { end, progress } = await runOf(`export default { async run(_, { progress }) {
    const giant = "x".repeat(10_000_000);
    progress(0.5, giant);
    throw new Failure(giant, giant);
  } };`);
  const { error } = end as { error: Record<"code" | "message", string> };
  for (const text of [progress.at(-1)?.message, error.code, error.message]) expect(text).toHaveLength(8_000);
});
