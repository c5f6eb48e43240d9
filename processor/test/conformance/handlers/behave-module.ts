import { defineProcessor, Failure, Type } from "../../../src/kit/index.ts";
import { longest, tooDeep, tooLong } from "./payloads.ts";

/** Modules that behave as the suite asks, by behaviour. */

const forEver = (signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setInterval(() => {}, 3_600_000);
    signal?.addEventListener("abort", () => resolve(clearInterval(timer)));
  });

function startProcesses(executionId: string): void {
  for (const argv of [
    ["sleep", "3600"],
    ["setsid", "sleep", "3600"],
  ]) {
    const env = { ...process.env, EXECUTION: executionId };
    Bun.spawn(argv, { env, stdio: ["ignore", "inherit", "inherit"] }).unref();
  }
}

export const behaviours = {
  // Numbers of JavaScript do not hold all digits, and its objects not all keys.
  echo: defineProcessor({
    run: (payload, { payloadText }) =>
      JSON.stringify(payload) === payloadText ? payload : { sent: payloadText },
  }),
  needs_text: defineProcessor({ input: Type.Object({ text: Type.String() }), run: ({ text }) => text }),
  facts: defineProcessor({
    run: (_, { executionId, epoch, attempt, deadline, traceparent, ...context }) => ({
      ...{ execution_id: executionId, epoch, attempt, try: context.try, traceparent },
      timeout_seconds: Math.floor((deadline.getTime() - Date.now()) / 1_000),
    }),
  }),
  environment: defineProcessor({ env: ["NAMED_FOR_THE_SUITE"], run: () => process.env }),
  no_outputs: defineProcessor({ run() {} }),
  not_json: defineProcessor({ run: () => 1n }),
  throwing_getter: defineProcessor({
    run: () => ({
      get value() {
        throw new TypeError("broken");
      },
    }),
  }),
  longest: defineProcessor({ run: () => JSON.parse(longest) }),
  too_long: defineProcessor({ run: () => JSON.parse(tooLong) }),
  too_deep: defineProcessor({ run: () => JSON.parse(tooDeep) }),
  fails: defineProcessor({
    run() {
      throw new Failure("no_luck", "Nothing – to do.");
    },
  }),
  fails_for_good: defineProcessor({
    run() {
      throw new Failure("no_luck", "Nothing – to do.", { retryable: false });
    },
  }),
  breaks: defineProcessor({
    run() {
      throw new TypeError("broken");
    },
  }),
  rejects_later: defineProcessor({
    run() {
      setTimeout(() => Promise.reject(new Error("later")), 5);
      return 1;
    },
  }),
  dies: defineProcessor({
    async run() {
      process.kill(process.pid, "SIGKILL");
      await forEver();
    },
  }),
  waits: defineProcessor({
    async run(_, { log, signal }) {
      log("started");
      await forEver(signal);
    },
  }),
  ignores_stop: defineProcessor({
    run(_, { log }) {
      log("started");
      for (;;);
    },
  }),
  leaves_processes: defineProcessor({
    run(_, { executionId }) {
      startProcesses(executionId);
      return 1;
    },
  }),
  waits_with_processes: defineProcessor({
    async run(_, { log, executionId }) {
      startProcesses(executionId);
      log("started");
      await forEver();
    },
  }),
  chats: defineProcessor({
    run() {
      for (let n = 0; n < 10 * 16; n++) console.log("x".repeat(64 * 1024 - 1));
      console.log("the end");
      return 1;
    },
  }),
  reports: defineProcessor({
    run(_, { log, progress }) {
      log("hä?");
      progress(0.25);
      progress(0.5, "half – way");
      return 1;
    },
  }),
};
