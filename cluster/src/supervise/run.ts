const limitMs = 10 * 60_000;

/** Runs a command to its end, which comes with ours at the latest. Throws with a line of what it printed if it fails. */
export async function run(
  command: string[],
  options: { cwd?: string; env?: Record<string, string | undefined> } = {},
): Promise<void> {
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
  throw new Error(
    `${command.slice(0, 2).join(" ")} ended with ${child.signalCode ?? child.exitCode}. ${cause}`.slice(
      0,
      500,
    ),
  );
}
