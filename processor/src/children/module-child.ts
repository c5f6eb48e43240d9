import { closeSync, openSync, writeSync } from "node:fs";
import { definitionOf, describeModule, reasonOf } from "../handlers/module/describe.ts";
import { type ModuleEnd, runModule, unexpected } from "../handlers/module/run.ts";
import { type Snapshot, serveSnapshot, takeSnapshot } from "../handlers/module/snapshot.ts";
import type { Definition } from "../kit/index.ts";
import { Aborted, type AbortReason } from "../ports.ts";
import type { FromChild, Question, RunMessage, ToChild } from "./messages.ts";

/**
 * The program of a child: loads a module and handles questions over IPC, one at a time. The module is the snapshot on
 * standard input or, if that is empty, the file that the argument names. Started by `startModuleChild`.
 */

const path = Bun.argv[2] as string;
const send = process.send?.bind(process) as (message: FromChild) => void;
// The module must not use the channel.
process.send = undefined as never;

const progressMs = 100;
const { log: print, error: printError } = console;

type Loaded = { definition: Definition; snapshot: Snapshot };
type Current = { signal: AbortSignal; abort(why: AbortReason): void; fail(thrown: unknown): void };
let current: Current | null = null;
let asked = 0;
let isReusable = true;
let mustEnd = false;

/** A run may use its grace period after SIGTERM, and its end must still be reported. */
process.on("SIGTERM", () => {
  if (current === null) process.exit(0);
  mustEnd = true;
});
for (const event of ["uncaughtException", "unhandledRejection"] as const) process.on(event, onStrayError);

/**
 * Handles an uncaught error. Only during the first run is it certain which run caused it: a later run continues,
 * because an earlier one may have caused the error. Either way, this process accepts no further run.
 */
function onStrayError(thrown: unknown): void {
  show(thrown);
  isReusable = false;
  if (asked === 1) current?.fail(thrown);
}

function show(thrown: unknown): void {
  try {
    printError(thrown);
  } catch {} // a getter or a proxy throws
}

async function respond(question: Question, loaded: Loaded): Promise<void> {
  if (!isReusable) return send({ kind: "refused" });
  const controller = new AbortController();
  const stray = Promise.withResolvers<unknown>();
  const mine: Current = {
    signal: controller.signal,
    abort: (why) => controller.abort(new Aborted(why)),
    fail: (thrown) => stray.resolve(unexpected(thrown)),
  };
  current = mine;
  asked++;
  const body = await Promise.race([stray.promise, work(question, loaded, mine)]);
  // An unhandled rejection is reported before the next turn of the event loop, and so during this run.
  await new Promise((resolve) => setImmediate(resolve));
  current = null;
  for (const output of [1, 2]) {
    try {
      writeSync(output, question.marker);
    } catch {
      isReusable = false; // it was closed
    }
  }
  send({ kind: "reply", body, isReusable });
}

/** Never rejects. */
function work(question: Question, { definition, snapshot }: Loaded, mine: Current): Promise<unknown> {
  if (question.kind === "run") return run(question, definition, mine);
  return describeModule(definition, snapshot.version).then(
    (description) => ({ kind: "described", description, snapshot }),
    (error) => ({ kind: "wrong", reason: reasonOf(error) }),
  );
}

async function run(message: RunMessage, definition: Definition, mine: Current): Promise<ModuleEnd> {
  const log = (text: string) => print("%s", text.replace(/\n$/, ""));
  const progress = throttled(progressMs, (fraction, message) => {
    if (current === mine) send({ kind: "progress", fraction, message });
  });
  const ended = await runModule(definition, {
    ...message,
    signal: mine.signal,
    progress: progress.report,
    log,
  });
  progress.flush();
  if (ended.detail !== undefined) printError(ended.detail);
  return ended;
}

/**
 * Passes the first report on at once, even if the run then blocks the event loop, and later ones at most every `ms`.
 */
function throttled(ms: number, report: (fraction: number, message?: string) => void) {
  let next: [number, string?] | null = null;
  let reportedAt = Number.NEGATIVE_INFINITY;
  const flush = () => {
    if (next !== null) report(...next);
    next = null;
    reportedAt = performance.now();
  };
  return {
    flush,
    report(...given: [number, string?]): void {
      const isWaiting = next !== null;
      next = given;
      const leftMs = reportedAt + ms - performance.now();
      if (leftMs <= 0) flush();
      else if (!isWaiting) setTimeout(flush, leftMs);
    },
  };
}

/** Starts to receive messages, including earlier ones, which the channel kept. It now keeps this process alive. */
function listen(loaded: Loaded): void {
  process.on("disconnect", () => process.exit(1));
  process.on("message", (message: ToChild) => {
    if (message.kind === "abort") current?.abort(message.why);
    else if (message.kind !== "received") void respond(message, loaded);
    else if (mustEnd) process.exit(0);
  });
}

/**
 * Returns the standard input, and then makes it empty for the module and the processes that it starts: a file that is
 * opened gets the lowest free descriptor, which is 0.
 */
async function readInput(): Promise<string> {
  const text = await Bun.stdin.text();
  closeSync(0);
  openSync("/dev/null", "r");
  return text;
}

try {
  const given = await readInput();
  const snapshot: Snapshot = given === "" ? await takeSnapshot(path) : JSON.parse(given);
  serveSnapshot(snapshot);
  listen({ definition: definitionOf(await import(snapshot.main)), snapshot });
} catch (error) {
  show(error);
  process.on("message", (message: ToChild) => {
    if (message.kind === "received") process.exit(1);
  });
  send({ kind: "unloadable", reason: reasonOf(error) });
}
