/**
 * `bun run cluster`: the keeper of the cluster. The supervisor and all its processes are one process group that is not
 * the terminal's; this process holds the other end of the supervisor's standard input, and outlives it. So if either
 * of the two is killed, the other ends everything that is left.
 */
import { join } from "node:path";
import { isUnbroken, jobAbove, processTable } from "./ancestors.ts";
import { until } from "./deadline.ts";

const shutdownMs = Number(Bun.env.SHUTDOWN_SECONDS || 10) * 1_000 || 0;
/** The supervisor stops the services in up to four turns, then the servers. */
const stopMs = 4 * (shutdownMs + 3_000) + 30_000;
/** `bun run` passes on the Ctrl-C that the terminal sends to us as well: the second so soon is the same one. */
const sameKeyMs = 500;
const parentEveryMs = 2_000;
const leftoverMs = 5_000;

const supervisor = Bun.spawn([process.execPath, join(import.meta.dir, "supervisor.ts")], {
  detached: true,
  stdin: "pipe",
  stdout: "inherit",
  stderr: "inherit",
});
// What cannot be printed any more, because the terminal is gone, is not printed.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

let stoppedAt: number | undefined;
function stop(): void {
  if (stoppedAt === undefined) {
    stoppedAt = performance.now();
    supervisor.stdin.end();
    setTimeout(() => signalAll("SIGKILL"), stopMs);
  } else if (performance.now() - stoppedAt > sameKeyMs) {
    console.error("Killing everything.");
    signalAll("SIGKILL");
  }
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);

const above = jobAbove(process.pid, processTable());
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === parent && isUnbroken(process.pid, above, processTable())) return;
  console.error("The process that started the cluster is gone; stopping.");
  clearInterval(watch);
  stop();
}, parentEveryMs);

const exitCode = await supervisor.exited;
clearInterval(watch);
if (!(await isEmpty(0))) {
  if (stoppedAt === undefined) console.error("The supervisor was killed; ending its processes.");
  signalAll("SIGTERM");
  signalAll("SIGCONT");
  if (!(await isEmpty(shutdownMs + leftoverMs))) signalAll("SIGKILL");
  await isEmpty(leftoverMs);
}
process.exit(supervisor.signalCode ? 1 : exitCode);

/** Signals the supervisor's whole process group. Answers whether there was anybody in it. */
function signalAll(signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-supervisor.pid, signal);
  } catch {
    return false;
  }
}

function isEmpty(deadlineMs: number): Promise<boolean> {
  return until(() => !signalAll(0), deadlineMs);
}
