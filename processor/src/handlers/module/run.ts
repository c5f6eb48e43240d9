import { format } from "node:util";
import type { Schema, Validator } from "@cfworker/json-schema";
import type { Context, Definition } from "../../kit/index.ts";
import type { HandlerEnd, HandlerRun } from "../../ports.ts";
import { classOf } from "../../runs/class-of.ts";
import { mismatchOf, payloadMismatch } from "../mismatch.ts";

// This runs in children, too, so it imports nothing that takes long to load.

/** The part of a run that a module needs. */
export type ModuleRun = Pick<
  HandlerRun,
  | "payloadJson"
  | "requestId"
  | "executionId"
  | "epoch"
  | "attempt"
  | "tryNumber"
  | "forceError"
  | "deadlineMs"
  | "traceparent"
  | "signal"
  | "progress"
  | "log"
> & { outputsBytesMax: number };

/** `detail` is for logs: the message and the stack of an error of which the client only gets the class. */
export type ModuleEnd = { end: HandlerEnd; detail?: string };

/**
 * The limit for a text that leaves a child, so that the service never receives a huge one. The service cuts it further.
 */
const textCharsMax = 8_000;

/**
 * Runs a module. Whatever it returns or throws becomes exactly one end. Never rejects. Third-party code may not match
 * its types, and a getter may throw, so each member is read once, where an exception is caught.
 */
export async function runModule(definition: Definition, run: ModuleRun): Promise<ModuleEnd> {
  try {
    return await checkAndRun(definition, run);
  } catch (thrown) {
    return unexpected(thrown);
  }
}

async function checkAndRun(definition: Definition, run: ModuleRun): Promise<ModuleEnd> {
  const payload: unknown = JSON.parse(run.payloadJson);
  const { input } = definition;
  if (input !== undefined) {
    const mismatch = mismatchOf(await validatorOf(input), payload, payloadMismatch);
    if (mismatch !== null) return failed("invalid_input", mismatch, false);
  }
  let outputs: unknown;
  try {
    outputs = await definition.run(payload, contextOf(run));
  } catch (thrown) {
    return readThrown(thrown);
  }
  return readOutputs(outputs, definition, run.outputsBytesMax);
}

function contextOf(run: ModuleRun): Context {
  const { requestId, executionId, epoch, attempt, forceError, traceparent, signal } = run;
  return {
    ...{ requestId, executionId, epoch, attempt, try: run.tryNumber, forceError, traceparent, signal },
    deadline: new Date(Date.now() + run.deadlineMs),
    payloadText: run.payloadJson,
    progress(fraction, message) {
      if (!(fraction >= 0)) return;
      run.progress(
        Math.min(fraction, 1),
        message === undefined ? undefined : String(message).slice(0, textCharsMax),
      );
    },
    log: (...values) => run.log(`${format(...values)}\n`),
  };
}

async function readOutputs(outputs: unknown, { output }: Definition, bytesMax: number): Promise<ModuleEnd> {
  let json: string | undefined;
  try {
    json = JSON.stringify(outputs);
  } catch (thrown) {
    const message = `The processor returned a value that JSON cannot represent (${classOf(thrown)}).`;
    return { ...failed("outputs_not_json", message, false), detail: detailOf(thrown) };
  }
  if (json === undefined) {
    const message = `The processor returned a value that JSON cannot represent (${typeof outputs}). Return null for no outputs.`;
    return failed("outputs_not_json", message, false);
  }
  // There are at least as many bytes as characters. The rest is checked where the run ends.
  if (json.length > bytesMax) {
    return failed("outputs_too_large", `The outputs have more than ${bytesMax} bytes.`, false);
  }
  if (output !== undefined) {
    const outputsMismatch = "The outputs do not match the output schema of the processor";
    const mismatch = mismatchOf(await validatorOf(output), JSON.parse(json), outputsMismatch);
    if (mismatch !== null) return broken(mismatch);
  }
  return { end: { kind: "succeeded", outputsJson: json } };
}

function readThrown(thrown: unknown): ModuleEnd {
  try {
    const { name, code, message, retryable } = (thrown ?? {}) as Record<string, unknown>;
    // By its name, as a module may bring its own copy of the class.
    if (name === "Failure" && typeof code === "string" && code !== "" && typeof message === "string") {
      return failed(code.slice(0, textCharsMax), message.slice(0, textCharsMax), retryable !== false);
    }
  } catch {} // a getter throws
  return unexpected(thrown);
}

/** The end of a run that threw this. The client only gets its class, because its text may contain a secret. */
export function unexpected(thrown: unknown): ModuleEnd {
  const end = broken(`The processor threw an unexpected error (${classOf(thrown)}).`);
  return { ...end, detail: detailOf(thrown) };
}

function failed(code: string, message: string, isRetryable: boolean): ModuleEnd {
  return { end: { kind: "failed", error: { code, message }, isRetryable } };
}

function broken(message: string): ModuleEnd {
  return { end: { kind: "broken", error: { code: "unexpected_error", message } } };
}

function detailOf(thrown: unknown): string {
  try {
    return Bun.inspect(thrown, { colors: false }).slice(0, textCharsMax);
  } catch {
    return "The error could not be printed.";
  }
}

const validators = new WeakMap<object, Validator>();

/** The validator of a schema, loaded only if there is one. Throws if it is not a JSON Schema. */
export async function validatorOf(schema: object): Promise<Validator> {
  let validator = validators.get(schema);
  if (validator === undefined) {
    const { Validator } = await import("@cfworker/json-schema");
    validator = new Validator(JSON.parse(JSON.stringify(schema)) as Schema, "2020-12");
    validators.set(schema, validator);
  }
  return validator;
}
