import { appendFileSync, existsSync, readFileSync } from "node:fs";

/**
 * A named gap between two writes, at which a test may end, halt or fail this process. Only in a process that
 * says `SATE_TEST_BUILD=1` and is not in production, which every image is: anywhere else it is nothing.
 *
 * `SATE_FAILPOINT=name:kill,other:delay` arms some of them. Each fires once and writes its name into
 * `SATE_FAILPOINT_LOG`, or on stderr; one whose name stands in that file is spent, so that a process that is
 * started again does not die of it again, a test can tell that it did fire, and may take the name out to have it
 * fire once more.
 *
 * - kill: SIGKILL, at once.
 * - delay: the whole process stands still for a second.
 * - error: throws.
 */
export function failpoint(name: string): void {
  if (armed.size > 0) hit(name);
}

const modes = ["kill", "delay", "error"] as const;
type Mode = (typeof modes)[number];
const delayMs = 1_000;

const armed = new Map<string, Mode>();
if (Bun.env.SATE_TEST_BUILD === "1" && Bun.env.NODE_ENV !== "production") {
  for (const item of (Bun.env.SATE_FAILPOINT ?? "").split(",")) {
    const [name = "", word] = item.trim().split(":");
    const mode = modes.find((known) => known === word);
    if (mode) armed.set(name, mode);
    else if (item.trim() !== "")
      throw new Error(`SATE_FAILPOINT: "${item}" is not name:kill, :delay or :error.`);
  }
}

function hit(name: string): void {
  const mode = armed.get(name);
  if (mode === undefined) return;
  const path = Bun.env.SATE_FAILPOINT_LOG;
  if (path === undefined) {
    armed.delete(name);
    console.error(`failpoint ${name} ${mode} ${process.pid}`);
  } else if (isSpent(path, name)) return;
  else appendFileSync(path, `${name} ${mode} ${process.pid}\n`);
  switch (mode) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      // The signal is on its way: nothing may happen until it comes.
      Bun.sleepSync(delayMs);
      return;
    case "delay":
      Bun.sleepSync(delayMs);
      return;
    case "error":
      throw new Error(`The failpoint ${name} was told to fail.`);
  }
}

function isSpent(path: string, name: string): boolean {
  return (
    existsSync(path) &&
    readFileSync(path, "utf8")
      .split("\n")
      .some((line) => line.startsWith(`${name} `))
  );
}
