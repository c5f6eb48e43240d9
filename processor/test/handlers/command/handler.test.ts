import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { limits } from "@sate/contracts";
import { createGroups } from "../../../src/children/group.ts";
import { commandHandler } from "../../../src/handlers/command/handler.ts";
import type { HandlerEnd } from "../../../src/ports.ts";
import { noLog } from "../../children/start.ts";
import { startRun } from "../../conformance/handlers/run.ts";
import { eventually } from "../../eventually.ts";

const groups = createGroups({ log: noLog });
afterAll(groups.close);

/** Runs a shell script as the command. */
function start(script: string, payloadJson = "{}") {
  const argv = ["sh", "-c", script];
  const handler = commandHandler({ argv, env: Bun.env, named: [], memoryMib: undefined, groups, log: noLog });
  const announcement = { name: "one", kind: "command" as const, timeout_seconds: 60 };
  return startRun({ announcement, handler, graceMs: 8_000 }, { payloadJson });
}
const endOf = (script: string) => start(script).end;

const succeeded = (outputsJson: string): HandlerEnd => ({ kind: "succeeded", outputsJson });
const failed = (code: string, message: string, isRetryable?: boolean): HandlerEnd => ({
  kind: "failed",
  error: { code, message },
  isRetryable,
});
const died = (message: string): HandlerEnd => ({
  kind: "broken",
  error: { code: "process_died", message },
});

describe("the exit of a command", () => {
  const ends: [string, HandlerEnd][] = [
    ["echo '[1]'", succeeded("[1]")],
    ["exit 3", failed("exit_3", "The command ended with exit code 3.")],
    ["echo one >&2; echo two >&2; echo >&2; exit 1", failed("exit_1", "two")],
    ["printf 'red \\033[31m' >&2; exit 1", failed("exit_1", "red \u001b[31m")],
    ["echo 'try later' >&2; exit 75", failed("exit_75", "try later", true)],
    ["exit 127", failed("exit_127", "The command ended with exit code 127.")],
    ["exit 143", died("The command ended unexpectedly (SIGTERM).")],
    ["exit 255", died("The command ended unexpectedly (exit code 255).")],
    ["kill -SEGV $$", died("The command ended unexpectedly (SIGSEGV).")],
    ["kill -KILL $$", died("The command was killed from outside (SIGKILL), perhaps out of memory.")],
    ["exit 137", died("The command was killed from outside (SIGKILL), perhaps out of memory.")],
  ];
  test.each(ends)("%s", async (script, end) => {
    expect(await endOf(script)).toEqual(end);
  });

  test("that cannot be started is an unexpected error", async () => {
    const argv = ["/no/such/program"];
    const handler = commandHandler({
      argv,
      env: Bun.env,
      named: [],
      memoryMib: undefined,
      groups,
      log: noLog,
    });
    const announcement = { name: "one", kind: "command" as const, timeout_seconds: 60 };
    expect(await startRun({ announcement, handler, graceMs: 8_000 }).end).toEqual({
      kind: "broken",
      error: { code: "unexpected_error", message: "The command cannot be started (ENOENT)." },
    });
  });
});

describe("$SATE_ERROR", () => {
  test("has the failure of a command that exits as failed", async () => {
    const report = (text: string, code: number) => endOf(`echo '${text}' > $SATE_ERROR; exit ${code}`);
    expect(await report('{"code":"empty","message":"Nothing."}', 1)).toEqual(failed("empty", "Nothing."));
    expect(await report('{"code":"busy","message":"Later."}', 75)).toEqual(failed("busy", "Later.", true));
    const forGood = '{"code":"empty","message":"Nothing.","retryable":false}';
    expect(await report(forGood, 75)).toEqual(failed("empty", "Nothing.", false));
    expect(await report(forGood, 0)).toMatchObject({ error: { code: "outputs_not_json" } });
    expect(await report("no JSON", 1)).toMatchObject({ error: { code: "exit_1" } });
    expect(await report("null", 1)).toMatchObject({ error: { code: "exit_1" } });
  });
});

describe("the outputs of a command", () => {
  test("are the file $SATE_OUTPUTS, and then what it prints belongs to the log", async () => {
    const run = start("echo started; echo warned >&2; echo ' [1.0]' > $SATE_OUTPUTS");
    expect(await run.end).toEqual(succeeded("[1.0]"));
    expect(run.log()).toBe("warned\nstarted\n");
  });

  test("are what it prints, and then that is not in the log", async () => {
    const run = start("echo warned >&2; echo 7");
    expect(await run.end).toEqual(succeeded("7"));
    expect(run.log()).toBe("warned\n");
  });

  test("are not JSON: the failure shows how they begin, the log all of it", async () => {
    const run = start('printf "\\033Ready.\\nä%0300d" 7');
    const message = `Standard output is not JSON. It begins with: \u001bReady.\nä${"0".repeat(191)}`;
    expect(await run.end).toEqual(failed("outputs_not_json", message, false));
    expect(run.log()).toBe(`\u001bReady.\nä${"0".repeat(299)}7`);
    expect(await endOf("echo Ready. > $SATE_OUTPUTS; echo 1")).toEqual(
      failed("outputs_not_json", "The file $SATE_OUTPUTS is not JSON. It begins with: Ready.\n", false),
    );
  });

  const notFiles = ["ln -s /etc/hostname", "mkfifo", "mkdir", "ln -s $SATE_OUTPUTS"];
  test.each(notFiles)("are read from no link, pipe or folder: %s", async (make) => {
    const script = `${make} $SATE_OUTPUTS; ${make} $SATE_PROGRESS; echo 1`;
    expect(await endOf(script)).toMatchObject(
      failed("outputs_not_json", "$SATE_OUTPUTS is not a file that can be read.", false),
    );
    expect(await endOf(`${make} $SATE_ERROR; exit 2`)).toMatchObject({ error: { code: "exit_2" } });
  });

  test("of 10 GB are not read", async () => {
    const end = await endOf("truncate -s 10G $SATE_OUTPUTS $SATE_PROGRESS $SATE_ERROR");
    const message = `The file $SATE_OUTPUTS has more than ${limits.outputsBytesMax} bytes.`;
    expect(end).toEqual(failed("outputs_too_large", message, false));
  });
});

test("a command may leave its input unread", async () => {
  const payload = `"${"x".repeat(2 * 1024 * 1024)}"`;
  expect(await start("exec 0<&-; echo 1", payload).end).toEqual(succeeded("1"));
  expect(await start("head -c 2 > /dev/null; echo 2", payload).end).toEqual(succeeded("2"));
});

describe("the working folder of a run", () => {
  const script =
    'test -z "$(ls -A)" && mkdir -p sub/sub && chmod 0 sub/sub && echo "\\"$PWD\\"" > $SATE_OUTPUTS';

  test("is its own, empty at first, and deleted afterwards with all that is in it", async () => {
    const ends = await Promise.all([endOf(script), endOf(script)]);
    const folders = ends.map((end) => end.kind === "succeeded" && JSON.parse(end.outputsJson));
    expect(new Set(folders).size).toBe(2);
    for (const folder of folders) expect(existsSync(folder)).toBe(false);
    expect(readdirSync(groups.folder)).toEqual([]);
  });

  test("is not where its temporary files are, which are deleted, too", async () => {
    const end = await endOf('f=$(mktemp) && test -z "$(ls -A)" && echo "\\"$f\\""');
    const file = end.kind === "succeeded" && JSON.parse(end.outputsJson);
    expect(file).toStartWith(groups.folder);
    expect(readdirSync(groups.folder)).toEqual([]);
  });

  test("may be deleted by the command itself", async () => {
    expect(await endOf('echo 1; rm -rf "$(dirname $SATE_OUTPUTS)"')).toEqual(succeeded("1"));
  });

  test("is deleted after an abort and after a death", async () => {
    const run = start(`${script}; echo started >&2; sleep 1000`);
    await eventually(() => run.log().includes("started"), "it runs");
    expect(readdirSync(groups.folder)).toHaveLength(1);
    run.abort("fenced");
    expect(await run.end).toEqual({ kind: "threw", name: "Aborted" });
    await endOf(`${script}; kill -KILL $$`);
    expect(readdirSync(groups.folder)).toEqual([]);
  });
});

test("the progress is the last whole line of $SATE_PROGRESS, while the command runs and at its end", async () => {
  const line = '{"fraction":0.25}';
  const run = start(`echo '${line}' >> $SATE_PROGRESS; printf '{"fra' >> $SATE_PROGRESS; sleep 1000`);
  await eventually(() => run.progress.length > 0, "a progress is reported");
  expect(run.progress).toEqual([{ fraction: 0.25 }]);
  run.abort("cancelled");
  await run.end;

  const short = start(
    `echo '${line}' > $SATE_PROGRESS; echo '{"fraction":1,"message":"ä"}' >> $SATE_PROGRESS`,
  );
  await short.end;
  expect(short.progress).toEqual([{ fraction: 1, message: "ä" }]);
  for (const text of ["no JSON", "null", "0.5", '{"fraction":"1"}']) {
    const wrong = start(`echo '${text}' > $SATE_PROGRESS`);
    await wrong.end;
    expect(wrong.progress).toEqual([]);
  }
});

test("an aborted command gets SIGTERM, and SIGKILL two seconds later", async () => {
  const run = start("trap 'echo stopping >&2; exit 0' TERM; echo started >&2; while :; do sleep 0.01; done");
  await eventually(() => run.log().includes("started"), "it runs");
  run.abort("timeout");
  expect(await run.end).toEqual({ kind: "threw", name: "Aborted" });
  expect(run.log()).toContain("stopping");
});
