import { stat } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import type { Log } from "@sate/contracts/runtime";
import type { Groups } from "../children/group.ts";
import type { Handler, Processor } from "../ports.ts";
import { resolveCommandLine } from "./command/command-line.ts";
import { commandGraceMs, commandHandler } from "./command/handler.ts";
import {
  type CommandDeclaration,
  checkDeclaration,
  type Declaration,
  type HttpDeclaration,
} from "./declaration-schema.ts";
import { readEndpoint } from "./http/endpoint.ts";
import { httpGraceMs, httpHandler } from "./http/handler.ts";
import { inputCheck } from "./input.ts";
import { announcementOf, variablesProblem } from "./run-limits.ts";

export type DeclarationOptions = {
  /** For a declaration without `timeout_seconds`. */
  timeoutSeconds: number;
  /** The variables that declarations may name, and those that every child gets, such as `PATH`. */
  env: Record<string, string | undefined>;
  /** Starts the commands. */
  groups: Groups;
  log: Log;
};

type Wrong = { kind: "wrong"; problems: string[] };

/** The handler of a processor, and the files that belong to it besides the declaration. */
type Work = { kind: "work"; handler: Handler; graceMs: number; files: string[] };

const fileBytesMax = 1024 * 1024;

/**
 * Reads the processor that a declaration, a TOML file, describes. The name of the file is the name of the processor.
 * Its version is a hash of the file, and of the files beside it that its command line names. A problem is one line that
 * begins with the name of the file.
 */
export async function readDeclaration(
  path: string,
  options: DeclarationOptions,
): Promise<{ kind: "read"; processor: Processor } | { kind: "wrong"; problem: string }> {
  const read = await readFrom(resolve(path), options).catch(unreadable);
  if (read.kind === "read") return read;
  return { kind: "wrong", problem: `${basename(path)}: ${read.problems.join(" ")}` };
}

async function readFrom(
  path: string,
  options: DeclarationOptions,
): Promise<{ kind: "read"; processor: Processor } | Wrong> {
  const found = await stat(path);
  if (!found.isFile() || found.size > fileBytesMax) {
    return wrong(`It must be a file of at most ${fileBytesMax} bytes.`);
  }
  const text = await Bun.file(path).text();
  const parsed = parse(text);
  if (parsed.kind === "wrong") return parsed;
  const checked = checkDeclaration(parsed.value);
  if (checked.kind === "wrong") return checked;
  const { declaration } = checked;
  const work =
    declaration.kind === "http"
      ? httpWork(declaration, options)
      : commandWork(declaration, dirname(path), options);
  if (work.kind === "wrong") return work;
  const input = declaration.input && inputCheck(declaration.input);
  if (input?.kind === "wrong") return wrong(input.problem);
  const identity = {
    name: basename(path, ".toml"),
    kind: declaration.kind,
    version: await versionOf(text, dirname(path), work.files),
  };
  return {
    kind: "read",
    processor: {
      announcement: announcementOf(identity, declaredBy(declaration), options.timeoutSeconds),
      handler: input ? input.before(work.handler) : work.handler,
      graceMs: work.graceMs,
    },
  };
}

function parse(text: string): { kind: "parsed"; value: object } | Wrong {
  try {
    return { kind: "parsed", value: Bun.TOML.parse(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message.replace("TOML Parse error: ", "") : "";
    return wrong(`It is not valid TOML: ${why}.`);
  }
}

function httpWork(declaration: HttpDeclaration, { env }: DeclarationOptions): Work | Wrong {
  const read = readEndpoint(declaration, env);
  if (read.kind === "wrong") return read;
  return { kind: "work", handler: httpHandler(read.endpoint, Date.now), graceMs: httpGraceMs, files: [] };
}

function commandWork(
  { command, env: named = [], memory_mib }: CommandDeclaration,
  folder: string,
  { env, groups, log }: DeclarationOptions,
): Work | Wrong {
  const problem = variablesProblem(named, env);
  if (problem !== null) return wrong(problem);
  const line = resolveCommandLine(command, { folder, path: env.PATH });
  if (line.kind === "wrong") return wrong(line.problem);
  const handler = commandHandler({ argv: line.argv, env, named, memoryMib: memory_mib, groups, log });
  return { kind: "work", handler, graceMs: commandGraceMs, files: line.files };
}

function declaredBy(declaration: Declaration): Parameters<typeof announcementOf>[1] {
  const { timeout_seconds, concurrency, max_per_minute, retry, input } = declaration;
  const memory_mib = "memory_mib" in declaration ? declaration.memory_mib : undefined;
  return {
    ...(timeout_seconds !== undefined && { timeout_seconds }),
    ...(input && { input_json: JSON.stringify(input) }),
    ...(concurrency !== undefined && { concurrency }),
    ...(max_per_minute !== undefined && { max_per_minute }),
    ...(memory_mib !== undefined && { memory_mib }),
    ...(retry && { retry }),
  };
}

/** In hexadecimal. Renaming a file changes the version. */
async function versionOf(declaration: string, folder: string, files: readonly string[]): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256").update(declaration);
  for (const file of files) {
    hash.update(`\0${relative(folder, file)}\0${Bun.file(file).size}\0`);
    for await (const chunk of Bun.file(file).stream()) hash.update(chunk);
  }
  return hash.digest("hex");
}

function wrong(problem: string): Wrong {
  return { kind: "wrong", problems: [problem] };
}

/** Errors of the file system have a code. Any other error is a bug in Sate, and is thrown. */
function unreadable(error: unknown): Wrong {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code !== "string") throw error;
  return wrong(`It, or a file that it names, cannot be read (${code}).`);
}
