import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "@sate/contracts/runtime";
import { createGuard } from "./guard.ts";
import { type Output, readOutput } from "./output.ts";
import { type GroupId, livingOf, signal } from "./processes.ts";

export type GroupOptions = {
  /** The program and its arguments. */
  argv: string[];
  /** The complete environment, except for the cookie. See `childEnvironment`. */
  env: Record<string, string>;
  cwd?: string;
  /** The complete standard input; empty if absent. The child need not read it. */
  stdin?: Uint8Array;
  stdout: Output;
  stderr: Output;
  /** Opens an IPC channel to a child that runs Bun. Its messages are not trusted. */
  onMessage?(message: unknown): void;
  /** A limit on the data of each process of the group (RLIMIT_DATA), in MiB. */
  memoryMib?: number | undefined;
};

/** How a group ended: the exit code or the signal of its leader, and the output that exceeded its limit. */
export type GroupEnd = {
  exitCode: number | null;
  signal: string | null;
  exceeded: "stdout" | "stderr" | null;
};

/** A child process and every process that it starts. */
export type Group = {
  readonly pid: number;
  /**
   * Resolves when the child has exited, none of its processes is left, and its output has been read. Processes that are
   * left when the child exits by itself are killed at once. Never rejects.
   */
  readonly ended: Promise<GroupEnd>;
  /**
   * Sends SIGTERM to the group, and after `graceMs` SIGKILL to all processes that are left, including those that left
   * the group. Returns `ended`. Of several calls, the grace period that ends first applies; 0 kills at once.
   */
  kill(options: { graceMs: number }): Promise<GroupEnd>;
  /** Sends a message over IPC. Does nothing if the child has gone. */
  send(message: unknown): void;
};

export type Groups = {
  /** Throws if the program cannot be started, such as `ENOENT`. With `memoryMib` it exits with 126 or 127 instead. */
  spawn(options: GroupOptions): Group;
  /** A folder for the files of the groups, which the caller creates. The guard deletes it when the service is gone. */
  readonly folder: string;
  /** Kills all groups and ends the guard. No group can be started afterwards. Safe to call twice. */
  close(): Promise<void>;
  /** The process id of the guard, if it runs. */
  guardPid(): number | undefined;
};

/** Makes the kernel prefer a child to the service when it must kill a process because memory runs out. */
const oomScore = "300";
const lookMs = 10;
/** How long SIGKILL is repeated. A process that survives it belongs to another user, or is stuck in the kernel. */
const killMsMost = 5_000;
/** How long an output may stay open when no process of the group can be found. */
const drainMs = 500;

/**
 * Starts process groups, each in a session of its own, and makes sure that none outlives this process: see `guard.sh`.
 *
 * Every process of a group inherits the cookie `SATE_GROUP`, by which processes that leave the group are found. A
 * process that leaves the group *and* clears its environment escapes.
 */
export function createGroups({ log }: { log: Log }): Groups {
  const boot = Bun.randomUUIDv7();
  const prefix = `SATE_GROUP=${boot}.`;
  const folder = join(tmpdir(), `sate-${boot}`);
  const guard = createGuard(prefix, folder, log);
  const groups = new Set<Group>();
  let count = 0;
  let isClosed = false;

  return {
    folder,
    spawn(options) {
      if (isClosed) throw new Error("Groups are closed: no child can be started.");
      guard.ensureStarted();
      const cookie = `${prefix}${++count}`;
      const group = spawnGroup(options, cookie, log, (pid) => guard.add(pid));
      groups.add(group);
      void group.ended.then(() => {
        groups.delete(group);
        guard.delete(group.pid);
      });
      return group;
    },
    async close() {
      isClosed = true;
      await Promise.all([...groups].map((group) => group.kill({ graceMs: 0 })));
      guard.close();
    },
    guardPid: guard.pid,
  };
}

function spawnGroup(
  options: GroupOptions,
  cookie: string,
  log: Log,
  onStarted: (pid: number) => void,
): Group {
  const { argv, env, cwd, stdin, onMessage, memoryMib } = options;
  const child = Bun.spawn({
    cmd: memoryMib === undefined ? argv : limited(argv, memoryMib),
    env: { ...env, SATE_GROUP: cookie.slice("SATE_GROUP=".length) },
    ...(cwd !== undefined && { cwd }),
    detached: true,
    stdin: stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...(onMessage && { ipc: (message: unknown) => onMessage(message), serialization: "advanced" as const }),
  });
  const { pid } = child;
  onStarted(pid);
  raiseOomScore(pid);

  let exceeded: GroupEnd["exceeded"] = null;
  /** When the grace period ends; infinite until the first `kill`. */
  let killAt = Number.POSITIVE_INFINITY;
  let killTimer: Timer | undefined;

  function follow(name: "stdout" | "stderr") {
    return readOutput(child[name], options[name], () => {
      exceeded ??= name;
      if (options[name].beyond === "kill") void kill({ graceMs: 0 });
    });
  }

  function kill({ graceMs }: { graceMs: number }): Promise<GroupEnd> {
    const at = performance.now() + graceMs;
    if (at >= killAt) return ended;
    if (graceMs > 0 && killTimer === undefined) signal(-pid, "SIGTERM");
    killAt = at;
    clearTimeout(killTimer);
    // Kills the leader; `end` kills the others.
    if (graceMs === 0) signal(-pid, "SIGKILL");
    else killTimer = setTimeout(() => signal(-pid, "SIGKILL"), graceMs);
    return ended;
  }

  async function end(): Promise<GroupEnd> {
    await child.exited;
    clearTimeout(killTimer);
    // Processes that were asked to stop may use their whole grace period.
    while (killAt !== Number.POSITIVE_INFINITY && performance.now() < killAt) {
      if (livingOf({ pid, cookie }).length === 0) break;
      await Bun.sleep(lookMs);
    }
    if (!(await killAll({ pid, cookie }))) log.warn("could not kill all processes of a child", { pid });
    killAt = 0;
    const cancel = setTimeout(() => outputs.forEach((output) => void output.cancel()), drainMs);
    await Promise.all(outputs.map((output) => output.ended));
    clearTimeout(cancel);
    const { exitCode, signalCode } = child;
    return { exitCode, signal: signalCode === null ? null : String(signalCode), exceeded };
  }

  const outputs = [follow("stdout"), follow("stderr")];
  const ended = end();
  return {
    pid,
    ended,
    kill,
    send(message) {
      try {
        child.send(message);
      } catch {} // it has gone, and `ended` says so
    },
  };
}

/** The shell sets the limit and becomes the program. RLIMIT_AS does not work for Bun, which reserves address space. */
function limited(argv: string[], memoryMib: number): string[] {
  return ["sh", "-c", 'ulimit -d "$1" && shift && exec "$@"', "sh", String(memoryMib * 1024), ...argv];
}

function raiseOomScore(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, oomScore);
  } catch {} // outside of Linux, or it has gone
}

/** Repeats SIGKILL until nothing is left, as a process may start others meanwhile. Returns `false` if some survive. */
async function killAll(id: GroupId): Promise<boolean> {
  const endsAt = performance.now() + killMsMost;
  signal(-id.pid, "SIGKILL");
  for (;;) {
    const living = livingOf(id);
    if (living.length === 0) return true;
    if (performance.now() > endsAt) return false;
    for (const target of living) signal(target, "SIGKILL");
    await Bun.sleep(lookMs);
  }
}
