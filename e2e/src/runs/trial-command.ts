/** The program of processors/trial-command-*.toml: `bun trial-command.ts <action>`. */
import { writeFileSync } from "node:fs";
import { append, type Logged, pause, seen } from "./logged.ts";

const { SATE_EXECUTION_ID, SATE_REQUEST_ID, SATE_EPOCH, SATE_TRY, SATE_OUTPUTS } = Bun.env as Record<
  string,
  string
>;
const run = {
  executionId: SATE_EXECUTION_ID,
  requestId: SATE_REQUEST_ID,
  epoch: Number(SATE_EPOCH),
} as Logged;
const outputs = () => writeFileSync(SATE_OUTPUTS as string, JSON.stringify(seen({ payloadText })));
const sleep = ["sleep", "3600"];

const trials: Record<string, () => unknown> = {
  fast: outputs,
  /** Asks for another try once. */
  flaky: () => (SATE_TRY === "1" ? end(75) : outputs()),
  /** Ignores SIGTERM. */
  hanging: () => {
    process.on("SIGTERM", () => {});
    return pause(600_000);
  },
  killed: () => {
    process.kill(process.pid, "SIGSEGV");
    // The signal is on its way.
    return pause(60_000);
  },
  /** Needs more memory than it may have. */
  memory: () => {
    const kept: Uint8Array[] = [];
    for (;;) kept.push(new Uint8Array(2 ** 24).fill(1));
  },
  /** Prints a gigabyte as its outputs. */
  gigabyte: async () => {
    const line = `${"x".repeat(2 ** 20 - 1)}\n`;
    for (let count = 0; count < 1_024; count++) await Bun.write(Bun.stdout, line);
  },
  /** Leaves processes behind, in its process group and outside of it, when it ends or is killed. */
  children: async () => {
    Bun.spawn(sleep, { stdio: ["ignore", "inherit", "inherit"] });
    Bun.spawn(["setsid", ...sleep], { stdio: ["ignore", "inherit", "inherit"] });
    await pause(1_000);
    outputs();
  },
};

const payloadText = await Bun.stdin.text();
append("start", run);
await trials[Bun.argv[2] as string]?.();
end(0);

function end(code: number): never {
  append("end", run);
  process.exit(code);
}
