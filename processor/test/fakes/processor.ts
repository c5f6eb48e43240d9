import { createCounters, createLog } from "@sate/contracts/runtime";
import { type Config, createProcessor } from "../../src/index.ts";
import { eventually, turns } from "../eventually.ts";
import { fakeConsumer, fakePublisher, wakeUp } from "./broker.ts";
import { heldHandler } from "./handlers.ts";
import { fakeProcessors, onlyDefault, type Served } from "./processors.ts";
import { fakeRequests } from "./requests.ts";
import { fakeTime } from "./time.ts";

export type Options = {
  /** Instead of the held handler, by the names of processors. */
  served?: Served;
  /** Of the processor that the held handler serves. */
  timeoutSeconds?: number;
  config?: Partial<Config>;
  /** Whether the held handler listens to its signal. */
  listens?: boolean;
};

const ends: (() => Promise<void>)[] = [];

/** Ends the processors of a test, and checks what must hold after every test. To be called after each. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0)) await end();
}

/**
 * A processor among fakes. Its tasks run by themselves: the heartbeat ten times in a lease, the claimer a few times a
 * second; the test controls the clock that its rules read. The lease is long, so that a test may advance the clock
 * without heartbeats; tests of the lease set a short one.
 */
export function processorAmongFakes(options: Options = {}) {
  const requests = fakeRequests();
  const consumer = fakeConsumer();
  const publisher = fakePublisher();
  const time = fakeTime();
  const counters = createCounters();
  const held = heldHandler({ listens: options.listens ?? true });
  const { timeoutSeconds: timeout_seconds = 60 } = options;
  const simulated = onlyDefault({ handler: held.handler, announces: { timeout_seconds } });
  const processors = fakeProcessors(options.served ?? simulated);
  const lines: string[] = [];
  const fatal: string[] = [];
  const processor = createProcessor(
    {
      ...{ requests, consumer, publisher, processors, time, counters },
      newId: () => Bun.randomUUIDv7(),
      random: () => 0,
      log: createLog("processor", "debug", (line) => lines.push(line)),
      fatal: (what, error) => void fatal.push(`${what}: ${error}`),
    },
    {
      serviceToken: "a-token-for-tests",
      leaseMs: 3_600_000,
      workerName: "a-host",
      concurrency: 4,
      shutdownMs: 10_000,
      ...options.config,
    },
  );

  /** Stops it, with time going on, and returns how long that took. */
  async function stopped(): Promise<number> {
    const startedAt = time.monotonic();
    let isStopped = false;
    const stopping = processor.stop().then(() => {
      isStopped = true;
    });
    while (!isStopped) await Promise.race([stopping, time.advance(50)]);
    return time.monotonic() - startedAt;
  }

  ends.push(async () => {
    held.endAll();
    await stopped();
    expectNone(fatal);
    expectNone(requests.violations);
    expectNone(lines.filter((line) => line.includes("never in a log")));
  });

  const count = (name: string) => counters.read()[name] ?? 0;
  return {
    ...{ processor, processors, requests, consumer, publisher, time, held, lines, count, stopped },
    /** Resolves after so many further heartbeats, and what follows from them. */
    async beaten(times = 2): Promise<void> {
      const before = count("heartbeats");
      await eventually(() => count("heartbeats") >= before + times, "heartbeats");
      await turns();
    },
    /** Queues an execution and delivers its wake-up; resolves when its handler, the held one, runs. */
    async running() {
      const ref = requests.queue();
      await consumer.deliver([wakeUp(ref)]);
      const isRunning = () => held.active.some((run) => run.executionId === ref.execution_id);
      await eventually(isRunning, "it runs");
      return ref;
    },
  };
}

/** A started one, whose first poll is over: what a test queues from now on is not in its response. */
export async function startedAmongFakes(options: Options = {}) {
  const among = processorAmongFakes(options);
  await among.processor.start();
  await eventually(() => among.count("claim_any") === 1, "it has polled");
  await turns();
  return among;
}

function expectNone(faults: string[]): void {
  if (faults.length > 0) throw new Error(faults.join("\n"));
}
