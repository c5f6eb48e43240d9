import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGroups } from "../../src/children/group.ts";
import { readDeclaration } from "../../src/handlers/declaration.ts";
import { noLog } from "../children/start.ts";
import { startRun } from "../conformance/handlers/run.ts";
import { folderOf, removeFolders } from "../folder.ts";

const groups = createGroups({ log: noLog });
const env = { PATH: Bun.env.PATH, TOKEN: "secret-token", SIGNING: "secret", WHSEC: "whsec_%", EMPTY: "" };
afterAll(groups.close);
afterAll(removeFolders);

const read = (folder: string) =>
  readDeclaration(join(folder, "one.toml"), { timeoutSeconds: 60, env, groups, log: noLog });

async function declared(text: string, files: Record<string, string> = {}) {
  const given = await read(folderOf({ "one.toml": text, ...files }));
  if (given.kind === "wrong") throw new Error(given.problem);
  return given.processor;
}

async function problemOf(text: string, files: Record<string, string> = {}) {
  const given = await read(folderOf({ "one.toml": text, ...files }));
  return given.kind === "wrong" ? given.problem : null;
}

describe("a declaration is announced", () => {
  test("with its limits, and the defaults of the service", async () => {
    const { announcement } = await declared(`
      kind = "command"
      command = ["true"]
      timeout_seconds = 0.5
      concurrency = 2
      max_per_minute = 30
      memory_mib = 64
      retry = { tries = 3, first_seconds = 1, max_seconds = 60 }
    `);
    expect(announcement).toEqual({
      name: "one",
      kind: "command",
      version: expect.stringMatching(/^[0-9a-f]{64}$/),
      timeout_seconds: 0.5,
      concurrency: 2,
      max_per_minute: 30,
      memory_mib: 64,
      retry: { tries: 3, first_seconds: 1, max_seconds: 60 },
    });
    const short = await declared('kind = "http"\nurl = "https://host/path"\nretry = { tries = 2 }');
    expect(short.announcement).toMatchObject({
      kind: "http",
      timeout_seconds: 60,
      retry: { tries: 2, first_seconds: 1, max_seconds: 60 },
    });
    expect(short.announcement).not.toHaveProperty("concurrency");
  });

  test("with its input as JSON Schema", async () => {
    const { announcement } = await declared(`
      kind = "http"
      url = "https://host"
      [input]
      type = "object"
      required = ["text"]
      [input.properties.text]
      "$ref" = "#/$defs/short"
      [input."$defs".short]
      type = ["string", "null"]
      maxLength = 10
    `);
    expect(JSON.parse(announcement.input_json ?? "")).toEqual({
      type: "object",
      required: ["text"],
      properties: { text: { $ref: "#/$defs/short" } },
      $defs: { short: { type: ["string", "null"], maxLength: 10 } },
    });
  });

  test("with a version that changes with the file and the files that its command names", async () => {
    const text = 'kind = "command"\ncommand = ["sh", "run.sh", "other.sh"]';
    const versionOf = async (...given: Parameters<typeof declared>) =>
      (await declared(...given)).announcement.version;
    const version = await versionOf(text, { "run.sh": "echo 1", "unnamed.sh": "1" });
    expect(await versionOf(text, { "run.sh": "echo 1", "unnamed.sh": "2" })).toBe(version);
    expect(await versionOf(text, { "run.sh": "echo 2" })).not.toBe(version);
    expect(await versionOf(`${text} # changed`, { "run.sh": "echo 1" })).not.toBe(version);
    expect(await versionOf(text, { "run.sh": "echo 1", "other.sh": "" })).not.toBe(version);
  });
});

test("a command finds the files beside its declaration, though it runs in a folder of its own", async () => {
  const folder = folderOf({
    "one.toml":
      'kind = "command"\ncommand = ["sh", "print.sh", "data/one.txt", "data", "none.txt", "--file=print.sh", "a b", ""]',
    "print.sh": `printf '["%s"' "$0"; printf ',"%s"' "$@"; printf ']'`,
  });
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "data/one.txt"), "");
  const given = await read(folder);
  if (given.kind === "wrong") throw new Error(given.problem);
  const end = await startRun(given.processor).end;
  expect(end.kind === "succeeded" && JSON.parse(end.outputsJson)).toEqual([
    join(folder, "print.sh"),
    join(folder, "data/one.txt"),
    "data",
    "none.txt",
    "--file=print.sh",
    "a b",
    "",
  ]);
});

test("a program with a slash in its name is a file beside the declaration", async () => {
  const folder = folderOf({
    "one.toml": 'kind = "command"\ncommand = ["./run.sh"]',
    "run.sh": "#!/bin/sh\necho 7",
  });
  expect(await read(folder)).toEqual({
    kind: "wrong",
    problem: "one.toml: `command` names ./run.sh, which is not executable.",
  });
  chmodSync(join(folder, "run.sh"), 0o755);
  const given = await read(folder);
  if (given.kind === "wrong") throw new Error(given.problem);
  expect(await startRun(given.processor).end).toEqual({ kind: "succeeded", outputsJson: "7" });
});

test("only the variables that a header names are filled in", async () => {
  let sent: string | null = null;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      sent = request.headers.get("authorization");
      return new Response(null, { status: 204 });
    },
  });
  const { handler, ...processor } = await declared(`
    kind = "http"
    url = "http://127.0.0.1:${server.port}"
    headers = { Authorization = "Bearer \${TOKEN} $TOKEN \${" }
  `);
  await startRun({ handler, ...processor }).end;
  expect(sent as string | null).toBe("Bearer secret-token $TOKEN ${");
  expect(JSON.stringify(processor)).not.toContain("secret-token");
  await server.stop(true);
});

describe("an invalid declaration is reported in one line that names the file and the fields", () => {
  const http = 'kind = "http"\nurl = "https://host"\n';
  const command = 'kind = "command"\ncommand = ["true"]\n';
  const cases: [string, string][] = [
    ["", '`kind` must be "command" or "http".'],
    ['kind = "module"', '`kind` must be "command" or "http".'],
    ["kind = ", "It is not valid TOML: Missing value after '='."],
    [
      'kind = "command"',
      '`command` is missing: it must be a list of the program and its arguments, such as ["python3", "transcode.py"].',
    ],
    [
      `${command}comand = 1`,
      "`comand` is not a known field; the fields are kind, command, env, memory_mib, timeout_seconds, concurrency, max_per_minute, retry, input.",
    ],
    [
      `${command}retry = { tries = 0, first_seconds = 1, max_seconds = 1, times = 3 }`,
      "`retry.times` is not a known field; the fields are tries, first_seconds, max_seconds. `retry.tries` must be a whole number from 1 to 100, the first try included.",
    ],
    [
      `${command}timeout_seconds = 0\nconcurrency = 1.5`,
      "`timeout_seconds` must be a number of seconds above 0, at most 2592000. `concurrency` must be a whole number from 1 to 1024.",
    ],
    [`${command}memory_mib = 1`, "`memory_mib` must be a whole number from 16 to 1048576."],
    ['kind = "command"\ncommand = []', "`command` must be a list of the program and its arguments"],
    ['kind = "command"\ncommand = ["a", 1]', "`command.1` must be a string."],
    [
      'kind = "command"\ncommand = ["no-such-program"]',
      "`command` names no-such-program, which is not found in PATH.",
    ],
    ['kind = "command"\ncommand = ["bin/none"]', "`command` names bin/none, which is not a file."],
    [
      `${command}env = ["NOT_SET", "TOKEN", "NOR_THIS"]`,
      "`env` names NOT_SET, NOR_THIS, which must be set, and must not be a setting of Sate.",
    ],
    [`${command}env = ["A=B"]`, "`env.0` must be the name of a variable."],
    ['kind = "http"\nurl = "ftp://host"', "`url` must be an address that begins with https:// or http://."],
    ['kind = "http"\nurl = "http://"', "`url` must be an address that begins with https:// or http://."],
    [
      'kind = "http"\nurl = "https://user:hidden@host"',
      "`url` must not contain a user name or password: use an Authorization header.",
    ],
    [`${http}memory_mib = 64`, "`memory_mib` is not a known field"],
    [
      `${http}headers = { A = "\${NOT_SET}" }`,
      "`headers.A` names NOT_SET, which must be set, and must not be a setting of Sate.",
    ],
    [`${http}headers = { Sate-Try = "1" }`, "`headers.Sate-Try` is set by Sate and cannot be overridden."],
    [
      `${http}headers = { Content-Type = "1" }`,
      "`headers.Content-Type` is set by Sate and cannot be overridden.",
    ],
    [
      `${http}headers = { A = "a\\nB: c" }`,
      "`headers.A` is not a valid HTTP header: its name or value contains a forbidden character.",
    ],
    [
      `${http}headers = { "A B" = "1" }`,
      "`headers.A B` is not a valid HTTP header: its name or value contains a forbidden character.",
    ],
    [`${http}headers = { A = 1 }`, "`headers.A` must be a string."],
    [
      `${http}signing_secret_env = "NOT_SET"`,
      "`signing_secret_env` names NOT_SET, which must be set, and must not be a setting of Sate.",
    ],
    [
      `${http}signing_secret_env = "EMPTY"`,
      "`signing_secret_env` names EMPTY, which must be set, and must not be a setting of Sate.",
    ],
    [
      `${http}signing_secret_env = "WHSEC"`,
      "`signing_secret_env` names WHSEC, whose value must be Base64 after `whsec_`.",
    ],
    [`${http}input = 1`, "`input` must be a table: the JSON Schema of the payload."],
    [`${http}input = { "$ref" = "#/none" }`, '`input` is not a JSON Schema: Unresolved $ref "#/none".'],
    [`${http}input = { a = "${"x".repeat(70_000)}" }`, "`input` must have at most 65536 characters as JSON."],
  ];
  test.each(cases)("%j", async (text, problem) => {
    const line = await problemOf(text);
    expect(line?.slice(0, 10 + problem.length)).toBe(`one.toml: ${problem}`);
    expect(line).not.toMatch(/\n|hidden/);
  });

  test("even if it cannot be read", async () => {
    const folder = folderOf({ "one.toml": "x".repeat(2_000_000) });
    expect(await read(folder)).toMatchObject({
      problem: "one.toml: It must be a file of at most 1048576 bytes.",
    });
    rmSync(join(folder, "one.toml"));
    expect(await read(folder)).toMatchObject({
      problem: "one.toml: It, or a file that it names, cannot be read (ENOENT).",
    });
    Bun.spawnSync(["mkfifo", join(folder, "one.toml")]);
    expect(await read(folder)).toMatchObject({
      problem: "one.toml: It must be a file of at most 1048576 bytes.",
    });
  });
});
