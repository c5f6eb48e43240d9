import { appendFileSync, readFileSync, writeSync } from "node:fs";
import { longest, tooDeep, tooLong } from "./payloads.ts";
import type { Behaviour } from "./suite.ts";

/** A command that behaves as the suite asks: `bun behave.ts <behaviour>`. */

const { env } = process;
const stdout = 1;
const stderr = 2;

function write(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
const print = (text: string) => write(stdout, text);
const log = (text: string) => write(stderr, text);

function wait(): void {
  log("started\n");
  setInterval(() => {}, 3_600_000);
}

function ignoreStop(): void {
  process.on("SIGTERM", () => {});
}

function startProcesses(): void {
  for (const argv of [
    ["sleep", "3600"],
    ["setsid", "sleep", "3600"],
  ]) {
    Bun.spawn(argv, { stdio: ["ignore", "inherit", "inherit"] }).unref();
  }
}

function fail(error: object): void {
  appendFileSync(env.SATE_ERROR ?? "", JSON.stringify(error));
  process.exitCode = 1;
}

const noLuck = { code: "no_luck", message: "Nothing – to do." };

const behaviours: Partial<Record<Behaviour, () => void>> = {
  echo: () => print(readFileSync("/dev/stdin", "utf8")),
  needs_text: () => print(readFileSync("/dev/stdin", "utf8")),
  facts: () =>
    print(
      JSON.stringify({
        execution_id: env.SATE_EXECUTION_ID,
        epoch: Number(env.SATE_EPOCH),
        attempt: Number(env.SATE_ATTEMPT),
        try: Number(env.SATE_TRY),
        timeout_seconds: Number(env.SATE_TIMEOUT_SECONDS),
        traceparent: env.TRACEPARENT,
      }),
    ),
  environment: () => print(JSON.stringify(env)),
  no_outputs: () => {},
  not_json: () => print("ready\n"),
  longest: () => print(longest),
  too_long: () => print(tooLong),
  too_deep: () => print(tooDeep),
  endless: () => {
    for (;;) print("x".repeat(1024 * 1024));
  },
  fails: () => fail(noLuck),
  fails_for_good: () => fail({ ...noLuck, retryable: false }),
  breaks: () => {
    throw new TypeError("broken");
  },
  dies: () => process.kill(process.pid, "SIGKILL"),
  waits: wait,
  ignores_stop: () => {
    ignoreStop();
    wait();
  },
  leaves_processes: () => {
    startProcesses();
    print("1");
    process.exit();
  },
  waits_with_processes: () => {
    ignoreStop();
    startProcesses();
    wait();
  },
  chats: () => {
    for (let n = 0; n < 10 * 16; n++) log(`${"x".repeat(64 * 1024 - 1)}\n`);
    log("the end\n");
    print("1");
  },
  reports: () => {
    log("hä?\n");
    appendFileSync(env.SATE_PROGRESS ?? "", '{"fraction":0.25}\n');
    appendFileSync(env.SATE_PROGRESS ?? "", '{"fraction":0.5,"message":"half – way"}\n');
    print("1");
  },
};

behaviours[process.argv[2] as Behaviour]?.();
