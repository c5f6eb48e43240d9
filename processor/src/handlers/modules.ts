import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { CreateRequest } from "@sate/contracts";
import { DeadlinePassed, inTime } from "@sate/contracts/runtime";
import { Value } from "@sinclair/typebox/value";
import type { Handler, HandlerEnd, HandlerRun, Handlers } from "../ports.ts";

/** What a module learns about its run, besides the payload. */
export type ModuleContext = Pick<
  HandlerRun,
  "requestId" | "executionId" | "epoch" | "attempt" | "forceError" | "signal" | "deadlineMs"
> & {
  /** The payload as it was sent, byte for byte, with digits that JavaScript's numbers do not hold. */
  payloadText: string;
};

/** The default export of a module. */
type Module = { run(payload: unknown, context: ModuleContext): unknown };

type LoadedModules = { kind: "loaded"; handlers: Handlers } | { kind: "wrong"; problems: string[] };

const loadMs = 30_000;

/**
 * Loads the TypeScript modules of a folder, without its subfolders; `""` stands for no folder. The file name is the
 * name of the processor; the default export has `run(payload, context)`, which returns the outputs. A thrown error
 * with the name "Failure" and a `code` is a failure that the module foresaw; any other is an unexpected error. All
 * bad modules are reported at once.
 */
export async function loadModules(folder: string): Promise<LoadedModules> {
  if (folder === "") return { kind: "loaded", handlers: {} };
  let files: string[];
  try {
    files = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  } catch {
    return { kind: "wrong", problems: ["PROCESSORS_DIR must be a folder that exists and can be read."] };
  }
  const handlers: Record<string, Handler> = {};
  const problems: string[] = [];
  for (const file of files) {
    const name = basename(file, ".ts");
    try {
      handlers[checked(name)] = handlerOf(await load(resolve(folder, file)));
    } catch (error) {
      problems.push(`The processor module ${file} cannot be loaded: ${whyNot(error)}`);
    }
  }
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "loaded", handlers };
}

const nameRule =
  'Use 1 to 64 lower-case letters, digits, dots, - and _, a letter or digit first, and not "default".';

/** Returns the name if a request may use it. "default" serves the requests that name none. */
function checked(name: string): string {
  if (name !== "default" && Value.Check(CreateRequest, { payload: null, processor: name })) return name;
  throw new Error(`"${name}" cannot be the name of a processor. ${nameRule}`);
}

async function load(path: string): Promise<Module> {
  const module = (await inTime(import(path), loadMs)) as { default?: Partial<Module> };
  if (typeof module.default?.run === "function") return module.default as Module;
  throw new Error("it has no default export with a function `run`.");
}

/** Several errors of one file arrive as one, whose message is their number. */
function whyNot(error: unknown): string {
  if (error instanceof DeadlinePassed) return `it did not finish loading within ${loadMs / 1_000} s.`;
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : String(first);
}

function handlerOf(module: Module): Handler {
  return async ({ payloadJson, ...run }) => {
    try {
      const outputs = await module.run(JSON.parse(payloadJson), { ...run, payloadText: payloadJson });
      return { kind: "succeeded", outputsJson: JSON.stringify(outputs) };
    } catch (error) {
      return failureOf(error);
    }
  };
}

/** Recognised by its name, as a module may bring its own copy of the class. Throws any other error again. */
function failureOf(error: unknown): HandlerEnd {
  const { name, code, message } = (error ?? {}) as { name?: unknown; code?: unknown; message?: unknown };
  if (name !== "Failure" || typeof code !== "string" || typeof message !== "string") throw error;
  return { kind: "failed", error: { code, message } };
}
