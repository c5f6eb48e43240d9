import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadModules } from "../../src/handlers/modules.ts";
import type { HandlerEnd, HandlerRun } from "../../src/ports.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function folderOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "sate-modules-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const run: HandlerRun = {
  payloadJson: '{"n":1.0}',
  requestId: "r",
  executionId: "e",
  epoch: 2,
  attempt: 1,
  forceError: false,
  workerId: "w",
  deadlineMs: 1_000,
  signal: new AbortController().signal,
};

/** What a module whose `run` has this body makes of the run above. */
async function endOf(body: string): Promise<HandlerEnd | undefined> {
  const text = `export default { async run(payload: unknown, context: any) { ${body} } };`;
  const loaded = await loadModules(folderOf({ "one.ts": text }));
  if (loaded.kind === "wrong") throw new Error(loaded.problems.join());
  expect(Object.keys(loaded.handlers)).toEqual(["one"]);
  return loaded.handlers.one?.(run);
}

test("a module gets the payload, its text and its run, and returns the outputs", async () => {
  const body = "const { payloadText, executionId, epoch, attempt } = context;";
  expect(await endOf(`${body} return { payload, payloadText, executionId, epoch, attempt };`)).toEqual({
    kind: "succeeded",
    outputsJson: '{"payload":{"n":1},"payloadText":"{\\"n\\":1.0}","executionId":"e","epoch":2,"attempt":1}',
  });
});

test("an error named Failure is a failure with its code, any other is unexpected", async () => {
  const failure = 'throw Object.assign(new Error("Nothing."), { name: "Failure", code: "empty" });';
  expect(await endOf(failure)).toEqual({ kind: "failed", error: { code: "empty", message: "Nothing." } });
  await expect(endOf('throw new TypeError("broken");')).rejects.toThrow("broken");
  await expect(endOf("throw undefined;")).rejects.toBe(undefined);
  await expect(endOf("return 1n;")).rejects.toThrow(TypeError);
});

test("all modules that cannot be loaded are named, each with the reason", async () => {
  const good = "export default { run: () => 1 };";
  const loaded = await loadModules(
    folderOf({
      "good.ts": good,
      "default.ts": good,
      "Upper.ts": good,
      "nothing.ts": "export const run = () => 1;",
      "throws.ts": 'throw new Error("no disk");',
      "typo.ts": "const a = ;\nconst b = ;",
      "types.d.ts": "export {};",
      "notes.md": "no module",
    }),
  );
  if (loaded.kind === "loaded") throw new Error("they were loaded");
  const rule =
    'Use 1 to 64 lower-case letters, digits, dots, - and _, a letter or digit first, and not "default".';
  expect(loaded.problems.map((problem) => problem.slice(21)).toSorted()).toEqual([
    `Upper.ts cannot be loaded: "Upper" cannot be the name of a processor. ${rule}`,
    `default.ts cannot be loaded: "default" cannot be the name of a processor. ${rule}`,
    "nothing.ts cannot be loaded: it has no default export with a function `run`.",
    "throws.ts cannot be loaded: no disk",
    "typo.ts cannot be loaded: Unexpected ;",
  ]);
});

test("without a folder there are no modules; a missing folder is an error", async () => {
  expect(await loadModules("")).toEqual({ kind: "loaded", handlers: {} });
  for (const wrong of ["/nowhere/modules", "/etc/passwd/x", `/${"n".repeat(300)}`]) {
    expect(await loadModules(wrong)).toEqual({
      kind: "wrong",
      problems: ["PROCESSORS_DIR must be a folder that exists and can be read."],
    });
  }
});
