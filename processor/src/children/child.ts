import { dirname, join } from "node:path";
import type { AbortReason } from "../ports.ts";
import type { Group, GroupEnd, Groups } from "./group.ts";
import { markedOutput } from "./marked-output.ts";
import type { FromChild, Question, ToChild } from "./messages.ts";
import { hasChildren, isAlive } from "./processes.ts";

/** The reply of a child to a question. `body` comes from the child, and its type is not checked. */
export type Reply =
  | { kind: "replied"; body: unknown; isReusable: boolean }
  | { kind: "refused" }
  | { kind: "unloadable"; reason: string }
  | { kind: "died"; how: GroupEnd };

export type Listener = { log(text: string): void; progress(fraction: number, message?: string): void };

/** A process that has loaded a module. It handles one question at a time. */
export type Child = {
  /** Also resolves when the process dies. Its output goes to the listener meanwhile. Never rejects. */
  ask(question: WithoutMarker<Question>, listener: Listener): Promise<Reply>;
  /** Aborts the signal of the current run, which may end by itself until it is killed. */
  abort(why: AbortReason): void;
  isAlive(): boolean;
  /** Whether it has left processes running. */
  hasChildren(): boolean;
  kill: Group["kill"];
  ended: Group["ended"];
};
type WithoutMarker<T> = T extends unknown ? Omit<T, "marker"> : never;

export type ChildOptions = {
  /** The file of the module. Its folder is the working directory of the child. */
  path: string;
  /** A snapshot of the module as JSON; without it the child takes one. */
  snapshot?: Uint8Array;
  /** The complete environment. */
  env: Record<string, string>;
  memoryMib?: number | undefined;
  /** Called once, with the first output that the child writes while it has no run, such as an error after a run. */
  onStrayOutput(text: string): void;
};

const program = join(import.meta.dir, "module-child.ts");
const preload = join(import.meta.dir, "../kit/preload.ts");
/**
 * How long to wait for the rest of the output after a reply. It only takes this long if the module has closed its
 * output.
 */
const outputMs = 500;

/**
 * Starts a child. Flags keep Bun from installing missing packages and from reading `.env` and `bunfig.toml` in the
 * folder.
 */
export function startModuleChild(groups: Groups, options: ChildOptions): Child {
  const { path, snapshot, env, memoryMib, onStrayOutput } = options;
  const flags = ["--no-install", "--no-env-file", "--config=/dev/null", "--preload", preload];
  const marker = `\0${Bun.randomUUIDv7()}\n`;
  let current: { listener: Listener; end(reply: Reply): void } | null = null;
  let printed = Promise.resolve<unknown>(undefined);
  /** The last reply, once it is known, and whether the process has ended. */
  let end: Reply | null = null;
  let isOver = false;
  let hasStrayed = false;

  function log(text: string): void {
    if (current !== null) current.listener.log(text);
    else if (!hasStrayed) {
      hasStrayed = true;
      onStrayOutput(text);
    }
  }

  const [stdout, stderr] = [markedOutput(marker, log), markedOutput(marker, log)];
  const group = groups.spawn({
    argv: [process.execPath, ...flags, program, path],
    cwd: dirname(path),
    env,
    ...(snapshot && { stdin: snapshot }),
    memoryMib,
    stdout,
    stderr,
    onMessage: (message) => void receive(message as FromChild),
  });
  const send = (message: ToChild) => group.send(message);
  void group.ended.then((how) => {
    isOver = true;
    end ??= { kind: "died", how };
    reply(end);
  });

  function reply(what: Reply): void {
    current?.end(what);
    current = null;
  }

  async function receive(message: FromChild): Promise<void> {
    switch (message?.kind) {
      case "progress":
        return current?.listener.progress(message.fraction, message.message);
      case "reply":
        await atMost(outputMs, printed);
        send({ kind: "received" });
        return reply({ kind: "replied", body: message.body, isReusable: message.isReusable });
      case "refused":
        return reply(message);
      case "unloadable":
        end = message; // it exits now, and its output is still read
        return send({ kind: "received" });
    }
  }

  return {
    ask(question, listener) {
      const { promise, resolve } = Promise.withResolvers<Reply>();
      current = { listener, end: resolve };
      printed = Promise.all([stdout.next(), stderr.next()]);
      send({ ...question, marker });
      if (isOver && end !== null) reply(end);
      return promise;
    },
    abort: (why) => send({ kind: "abort", why }),
    isAlive: () => isAlive(group.pid),
    hasChildren: () => hasChildren(group.pid),
    kill: group.kill,
    ended: group.ended,
  };
}

/** Resolves with `work`, and after `ms` at the latest. */
function atMost(ms: number, work: Promise<unknown>): Promise<unknown> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
