import { basename } from "node:path";
import { DeadlinePassed, inTime, type Log } from "@sate/contracts/runtime";
import { type ChildOptions, type Reply, startModuleChild } from "../../children/child.ts";
import { childEnvironment } from "../../children/environment.ts";
import type { Groups } from "../../children/group.ts";
import { createPool } from "../../children/pool.ts";
import type { Warm } from "../../children/warm.ts";
import "../../kit/preload.ts";
import type { Processor } from "../../ports.ts";
import { definitionOf, type ModuleDescription, reasonOf } from "./describe.ts";
import { isolatedGraceMs, isolatedHandler, sharedGraceMs, sharedHandler } from "./handler.ts";
import { importHere } from "./import-here.ts";
import { checkSettings, moduleAnnouncement } from "./settings.ts";
import type { Snapshot } from "./snapshot.ts";

export type ModuleOptions = {
  /** For a module without `timeoutSeconds`. */
  timeoutSeconds: number;
  /** The variables that modules may name, and those that every child gets, such as `PATH`. */
  env: Record<string, string | undefined>;
  groups: Groups;
  /** Limits the children of all modules. */
  warm: Warm;
  log: Log;
};

/**
 * `retire` ends the processes of the processor after their runs. It is called when the processor is no longer served.
 */
export type Loaded = { processor: Processor; retire(): void };

type Described = { kind: "described"; description: ModuleDescription; snapshot: Snapshot };
type Wrong = { kind: "wrong"; problem: string };

const loadMs = 10_000;
const strayCharsMax = 2_000;

/**
 * Loads a TypeScript module in a temporary child, so that a broken module cannot harm the service, and returns the
 * processor that it describes. The processor runs the module as it was loaded: later changes to its files do not affect
 * runs. The name of the file is the name of the processor. A problem is one line that begins with the name of the file.
 */
export async function loadModule(
  path: string,
  options: ModuleOptions,
): Promise<({ kind: "read" } & Loaded) | Wrong> {
  const described = await describe(path, options);
  const loaded = described.kind === "wrong" ? described : await loadedFrom(path, described, options);
  return loaded.kind === "wrong"
    ? { kind: "wrong", problem: `${basename(path)}: ${loaded.problem}` }
    : loaded;
}

async function loadedFrom(
  path: string,
  { description, snapshot }: Described,
  { timeoutSeconds, env, groups, warm, log }: ModuleOptions,
): Promise<({ kind: "read" } & Loaded) | Wrong> {
  const checked = checkSettings(description, env);
  if (checked.kind === "wrong") return checked;
  const { settings } = checked;
  const { memoryMib, reuse = true } = settings;
  const name = basename(path, ".ts");
  const announcement = moduleAnnouncement(name, description, settings, timeoutSeconds);
  if (settings.isolation === "none") {
    try {
      const module = await inTime(importHere(snapshot), loadMs);
      const handler = sharedHandler(definitionOf(module), { name, log });
      return { kind: "read", processor: { announcement, handler, graceMs: sharedGraceMs }, retire() {} };
    } catch (error) {
      return { kind: "wrong", problem: sentence(reasonOf(error)) };
    }
  }
  const child: ChildOptions = {
    path,
    snapshot: Buffer.from(JSON.stringify(snapshot)),
    env: childEnvironment(env, settings.env ?? []),
    memoryMib,
    onStrayOutput(text) {
      log.warn("a processor wrote output while it had no run; it may not have awaited all of its work", {
        processor: name,
        text: text.slice(0, strayCharsMax),
      });
    },
  };
  const pool = createPool({ start: () => startModuleChild(groups, child), reuse, warm });
  const handler = isolatedHandler(pool, { name, memoryMib, log });
  return {
    kind: "read",
    processor: { announcement, handler, graceMs: isolatedGraceMs },
    retire: pool.retire,
  };
}

async function describe(path: string, { env, groups }: ModuleOptions): Promise<Described | Wrong> {
  const child = startModuleChild(groups, { path, env: childEnvironment(env, []), onStrayOutput() {} });
  try {
    const reply = await inTime(child.ask({ kind: "describe" }, { log() {}, progress() {} }), loadMs);
    return readReply(reply);
  } catch (error) {
    if (!(error instanceof DeadlinePassed)) throw error;
    return { kind: "wrong", problem: `It did not load within ${loadMs / 1_000} s.` };
  } finally {
    await child.kill({ graceMs: 0 });
  }
}

function readReply(reply: Reply): Described | Wrong {
  const wrong = (problem: string): Wrong => ({ kind: "wrong", problem });
  switch (reply.kind) {
    case "replied": {
      const body = reply.body as Described | { kind: "wrong"; reason: string } | { end: unknown };
      if ("end" in body) return wrong(strayError);
      return body.kind === "wrong" ? wrong(sentence(body.reason)) : body;
    }
    case "unloadable":
      return wrong(sentence(reply.reason));
    case "died":
      return wrong(
        `It ended its process while it was loading (${reply.how.signal ?? `exit code ${reply.how.exitCode}`}).`,
      );
    case "refused":
      return wrong(strayError);
  }
}

const strayError = "It threw an uncaught error while it was loading.";

/** Makes a sentence of the message of an error. */
function sentence(reason: string): string {
  return `${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}`.replace(/[^.!?]$/, "$&.");
}
