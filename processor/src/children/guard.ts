import { join } from "node:path";
import type { Log } from "@sate/contracts/runtime";

const script = join(import.meta.dir, "guard.sh");
/** The pause before a guard that died is restarted, so that one that always fails does not use up the CPU. */
const restartMs = 100;

/**
 * Manages the guard: a process that waits until this one ends, even by SIGKILL, and then kills all guarded groups and
 * every process that has `cookiePrefix` in its environment, and deletes `folder`. If the guard dies first, it is restarted.
 */
export function createGuard(cookiePrefix: string, folder: string, log: Log) {
  const groups = new Set<number>();
  let guard: ReturnType<typeof startGuard> | null = null;
  let isClosed = false;

  function start(): void {
    guard = startGuard(cookiePrefix, folder);
    for (const group of groups) send(`+ ${group}`);
    void guard.exited.then(() => {
      if (isClosed) return;
      log.warn("the guard of the child processes died and will be restarted");
      setTimeout(start, restartMs).unref();
    });
  }

  /** Writing to a guard that has just died throws or rejects. Its replacement is sent all groups. */
  function send(line: string): void {
    try {
      guard?.stdin.write(`${line}\n`);
      void Promise.resolve(guard?.stdin.flush()).catch(() => {});
    } catch {}
  }

  return {
    /** Must be called before a group is started, so that none is ever without a guard. Throws if it cannot run. */
    ensureStarted(): void {
      if (guard === null) start();
    },
    add(group: number): void {
      groups.add(group);
      send(`+ ${group}`);
    },
    delete(group: number): void {
      if (groups.delete(group)) send(`- ${group}`);
    },
    /** Ends the guard, which kills the groups that it still guards. Safe to call twice. */
    close(): void {
      if (isClosed) return;
      isClosed = true;
      void Promise.resolve(guard?.stdin.end()).catch(() => {});
    },
    /** The process id of the guard, if it has been started. */
    pid: (): number | undefined => guard?.pid,
  };
}

/**
 * Where this process runs under a supervisor that sets this, as `cluster` does, Bun has the kernel kill its direct
 * children when it dies. The guard must outlive it, so there is a shell between them.
 */
const endsDirectChildren = Boolean(Bun.env.BUN_FEATURE_FLAG_NO_ORPHANS);
const between = ["sh", "-c", 'exec 3<&0; "$@" <&3 3<&- & exec 3<&-; wait', "sh"];

/** In a session of its own, so that a signal to the group of this process does not reach it. */
function startGuard(cookiePrefix: string, folder: string) {
  const guard = Bun.spawn({
    cmd: [...(endsDirectChildren ? between : []), "sh", script, cookiePrefix, folder],
    env: { PATH: Bun.env.PATH },
    detached: true,
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  guard.unref();
  return guard;
}
