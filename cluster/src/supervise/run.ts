const limitMs = 10 * 60_000;

type Options = { cwd?: string; env?: Record<string, string | undefined> };

/** Runs a command to its end; it is killed when this process ends. Throws with a line of its output if it fails. */
export async function run(command: string[], options: Options): Promise<void> {
  const child = Bun.spawn(command, {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: limitMs,
    killSignal: "SIGKILL",
  });
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  process.off("exit", end);
  if (child.exitCode === 0) return;
  const cause = `${out}\n${err}`.split("\n").find((line) => /error/i.test(line)) ?? "";
  const how = `${command.slice(0, 2).join(" ")} ended with ${child.signalCode ?? child.exitCode}`;
  throw new Error(`${how}. ${cause}`.slice(0, 500));
}
