import { afterAll, describe, expect, test } from "bun:test";
import { inTime } from "@sate/contracts/runtime";
import type { AbortReason, Processor } from "../../../src/ports.ts";
import { eventually } from "../../eventually.ts";
import { longest, payloads } from "./payloads.ts";
import { type End, processesWith, type StartedRun, startRun } from "./run.ts";

/** What a processor of the suite does. Each takes `{}` as its payload, unless this says something else. */
export const behaviours = {
  echo: "succeeds with its payload as the outputs",
  facts: "succeeds with the facts of its run, as `facts` below",
  environment: "succeeds with an object that has the variables of its environment",
  no_outputs: "ends without an error and without outputs",
  not_json: "returns outputs that are not JSON: for a module, a BigInt",
  throwing_getter: "returns an object with a getter that throws",
  longest: "returns outputs of as many bytes as the limit",
  too_long: "returns outputs of one byte more than the limit",
  too_deep: "returns outputs nested one level deeper than the limit",
  endless: "returns outputs that never end",
  fails: "reports the failure `no_luck`, 'Nothing – to do.'",
  fails_for_good: "reports the failure `no_luck`, which must not be retried",
  breaks: "fails unexpectedly",
  rejects_later: "succeeds with `1`, and a promise of it rejects afterwards",
  dies: "is ended by SIGKILL",
  waits: "works until it is stopped",
  ignores_stop: "as `waits`, and ignores being asked to stop",
  leaves_processes:
    "succeeds with `1`, and leaves processes, one in a session of its own, that show its execution id",
  waits_with_processes: "as `ignores_stop`, with such processes",
  chats: "logs 10 MiB, then `the end` and a line feed, and succeeds with `1`",
  reports:
    "logs `hä?` and a line feed, reports the progress 0.25 and then 0.5 with 'half – way', and succeeds with `1`",
  needs_text: "as `echo`, with an input schema: an object whose `text`, a string, is required",
} as const;
export type Behaviour = keyof typeof behaviours;

/** A kind of processor under test. */
export type Kind = {
  name: string;
  /** Called once for each behaviour that applies. */
  processor(behaviour: Behaviour): Promise<Processor>;
  /** The behaviours that this kind cannot have, and what stands in their way. */
  without: Partial<Record<Behaviour, string>>;
  /** The end of `breaks`. */
  broken: object;
  /** The end of `dies`. */
  died: object;
  /** Whether `waits`, or a behaviour like it, has begun its work in this run. */
  isAtWork(started: StartedRun): boolean;
  /** The payload that comes back in the outputs of `echo`; without it they are the payload, byte for byte. */
  echoed?(outputsJson: string): string;
  close(): Promise<void>;
};

export const run = {
  requestId: "0199d3a1-0000-7000-8000-000000000001",
  executionId: "0199d3a1-0000-7000-8000-000000000002",
  epoch: 4,
  attempt: 2,
  tryNumber: 3,
  deadlineMs: 12_900,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
/** The outputs of `facts`, whose run is the one above. */
export const facts = {
  execution_id: run.executionId,
  epoch: run.epoch,
  attempt: run.attempt,
  try: run.tryNumber,
  timeout_seconds: 12,
  traceparent: run.traceparent,
};

/** A variable that the processor of `environment` names, and one that it does not. */
export const named = { NAMED_FOR_THE_SUITE: "given" };
export const secret = { SECRET_OF_THE_SUITE: "kept-from-children" };

const succeeded = (outputsJson: string): End => ({ kind: "succeeded", outputsJson });
const failedAs = (code: string, isRetryable?: boolean) => ({
  kind: "failed",
  error: { code, message: expect.any(String) },
  ...(isRetryable !== undefined && { isRetryable }),
});
/** What a busy machine may take for nothing. */
const slownessMs = 3_000;
/** More than any output of a behaviour that may be kept, and far less than all of it. */
const growthBytesMax = 96 * 1024 * 1024;

/** What every kind of processor promises. Nothing else is running in this process meanwhile. */
export function handlerSuite(kind: Kind): void {
  const processors = new Map<Behaviour, Promise<Processor>>();

  async function start(behaviour: Behaviour, given?: Parameters<typeof startRun>[1]) {
    const opened = processors.get(behaviour) ?? kind.processor(behaviour);
    processors.set(behaviour, opened);
    return startRun(await opened, given);
  }
  const endOf = async (behaviour: Behaviour, given?: Parameters<typeof startRun>[1]) =>
    (await start(behaviour, given)).end;

  /** Cases of a behaviour; what a kind cannot do is not a test of it. */
  function about(behaviour: Behaviour, title: string, body: () => Promise<void>): void {
    if (kind.without[behaviour] === undefined) test(title, body, 30_000);
  }

  /** It does nothing any more, and its neighbours are unharmed. */
  async function expectNothingLeft({ executionId }: StartedRun): Promise<void> {
    expect(processesWith(executionId)).toEqual([]);
    if (kind.without.echo === undefined) expect(await endOf("echo")).toMatchObject({ kind: "succeeded" });
  }

  async function abortWhileRunning(behaviour: Behaviour, why: AbortReason): Promise<StartedRun> {
    const started = await start(behaviour);
    await eventually(() => kind.isAtWork(started), "it is at work", 20_000);
    started.abort(why);
    const { graceMs } = await (processors.get(behaviour) as Promise<Processor>);
    await inTime(started.end, graceMs + slownessMs);
    return started;
  }

  describe(`${kind.name} handlers`, () => {
    afterAll(() => kind.close());

    for (const [what, payloadJson] of Object.entries(payloads)) {
      about("echo", `pass ${what} in and out byte for byte`, async () => {
        const end = await endOf("echo", { payloadJson });
        if (end.kind !== "succeeded") throw new Error(JSON.stringify(end).slice(0, 500));
        expect((kind.echoed ?? String)(end.outputsJson) === payloadJson).toBe(true);
      });
    }

    about("echo", "keep runs apart that run at once", async () => {
      const texts = Array.from({ length: 8 }, (_, n) => `{"n":${n}}`);
      const ends = await Promise.all(texts.map((payloadJson) => endOf("echo", { payloadJson })));
      const outputs = ends.map((end) => end.kind === "succeeded" && (kind.echoed ?? String)(end.outputsJson));
      expect(outputs).toEqual(texts);
    });

    about("facts", "tell which run it is and how much time is left", async () => {
      const end = await endOf("facts", run);
      if (end.kind !== "succeeded") throw new Error(JSON.stringify(end));
      expect(JSON.parse(end.outputsJson)).toMatchObject(facts);
    });

    about("environment", "give the variables that are named, and no other of the service", async () => {
      const end = await endOf("environment");
      if (end.kind !== "succeeded") throw new Error(JSON.stringify(end));
      expect(JSON.parse(end.outputsJson)).toMatchObject(named);
      expect(end.outputsJson).not.toContain(Object.values(secret)[0]);
    });

    about("no_outputs", "fail without outputs", async () => {
      expect(await endOf("no_outputs")).toMatchObject(failedAs("outputs_not_json", false));
    });

    about("not_json", "fail with outputs that are not JSON", async () => {
      expect(await endOf("not_json")).toMatchObject(failedAs("outputs_not_json", false));
    });

    about("throwing_getter", "fail with outputs that throw when they are read", async () => {
      expect(["threw", "broken", "failed"]).toContain((await endOf("throwing_getter")).kind);
    });

    for (const behaviour of ["too_long", "too_deep", "endless"] as const) {
      about(
        behaviour,
        `fail with outputs that are ${behaviour.replace("_", " ")}, in bounded memory`,
        async () => {
          Bun.gc(true);
          const before = process.memoryUsage.rss();
          const started = await start(behaviour);
          expect(await started.end).toMatchObject(failedAs("outputs_too_large", false));
          expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytesMax);
          await expectNothingLeft(started);
        },
      );
    }

    about("longest", "pass the longest outputs on", async () => {
      const end = await endOf("longest");
      expect(end.kind === "succeeded" && end.outputsJson === longest).toBe(true);
    });

    about("fails", "pass a reported failure on", async () => {
      const error = { code: "no_luck", message: "Nothing – to do." };
      const end = await endOf("fails");
      expect(end).toMatchObject({ kind: "failed", error });
      expect("isRetryable" in end && end.isRetryable === false).toBe(false);
    });

    about("fails_for_good", "pass on that a failure must not be retried", async () => {
      expect(await endOf("fails_for_good")).toMatchObject(failedAs("no_luck", false));
    });

    about("breaks", "end an unexpected error as such", async () => {
      expect(await endOf("breaks")).toMatchObject(kind.broken);
    });

    about("rejects_later", "end a run once, whatever happens after it", async () => {
      const started = await start("rejects_later");
      expect(await started.end).toEqual(succeeded("1"));
      await expectNothingLeft(started);
    });

    about("dies", "outlive the death of what runs", async () => {
      const started = await start("dies");
      expect(await started.end).toMatchObject(kind.died);
      await expectNothingLeft(started);
    });

    for (const why of ["cancelled", "timeout", "stopping", "fenced"] as const) {
      about("waits", `stop when a run is aborted: ${why}`, async () => {
        await expectNothingLeft(await abortWhileRunning("waits", why));
      });
    }

    about("ignores_stop", "end a run that ignores the request to stop", async () => {
      await expectNothingLeft(await abortWhileRunning("ignores_stop", "cancelled"));
    });

    about("leaves_processes", "leave no process behind after a success", async () => {
      const started = await start("leaves_processes");
      expect(await started.end).toEqual(succeeded("1"));
      await expectNothingLeft(started);
    });

    about("waits_with_processes", "leave no process behind after an abort", async () => {
      await expectNothingLeft(await abortWhileRunning("waits_with_processes", "timeout"));
    });

    about("chats", "pass a long log on, in bounded memory", async () => {
      Bun.gc(true);
      const before = process.memoryUsage.rss();
      const started = await start("chats");
      expect(await started.end).toEqual(succeeded("1"));
      expect(started.log().length).toBeGreaterThanOrEqual(10 * 1024 * 1024);
      expect(started.log().endsWith("the end\n")).toBe(true);
      expect(process.memoryUsage.rss() - before).toBeLessThan(growthBytesMax);
    });

    about("reports", "pass the log and the last progress on", async () => {
      const started = await start("reports");
      expect(await started.end).toEqual(succeeded("1"));
      expect(started.log()).toBe("hä?\n");
      expect(started.progress.at(-1)).toEqual({ fraction: 0.5, message: "half – way" });
    });

    about("needs_text", "refuse a payload that does not match the input schema", async () => {
      expect(await endOf("needs_text", { payloadJson: '{"text":1}' })).toMatchObject(
        failedAs("invalid_input", false),
      );
      expect(await endOf("needs_text", { payloadJson: '{"text":"x"}' })).toMatchObject({ kind: "succeeded" });
    });
  });
}
