import { createCounters, createLog } from "@sate/contracts/runtime";
import { type Config, createProcessor } from "../../src/index.ts";
import type { Consumer, Handlers } from "../../src/ports.ts";
import { eventually, turns } from "../eventually.ts";
import { fakeConsumer, fakePublisher } from "./broker.ts";
import { type HeldHandler, heldHandler } from "./handlers.ts";
import { fakeRequests } from "./requests.ts";
import { fakeTime } from "./time.ts";

export type Options = { handlers?: Handlers; consumer?: Consumer; config?: Partial<Config> };

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
  const held: HeldHandler = heldHandler();
  const lines: string[] = [];
  const fatal: string[] = [];
  const processor = createProcessor(
    {
      requests,
      consumer: options.consumer ?? consumer,
      publisher,
      handlers: options.handlers ?? { default: held.handler },
      time,
      newId: () => Bun.randomUUIDv7(),
      random: () => 0,
      log: createLog("processor", "debug", (line) => lines.push(line)),
      counters,
      fatal: (what, error) => void fatal.push(`${what}: ${error}`),
    },
    {
      serviceToken: "a-token-for-tests",
      leaseMs: 3_600_000,
      concurrency: 4,
      executionMs: 60_000,
      shutdownMs: 10_000,
      ...options.config,
    },
  );
  const count = (name: string) => counters.read()[name] ?? 0;

  /** What must hold after every test, whatever happened in it. */
  async function end(): Promise<void> {
    held.endAll();
    let isStopped = false;
    const stopping = processor.stop().then(() => {
      isStopped = true;
    });
    // The stop's deadlines are fake ones; its own waiting is not a matter of these tests.
    while (!isStopped) await Promise.race([stopping, time.advance(100)]);
    if (fatal.length > 0) throw new Error(fatal.join("\n"));
    if (requests.violations.length > 0) throw new Error(requests.violations.join("\n"));
    if (lines.some((line) => line.includes("never in a log"))) throw new Error("a payload is in the log");
  }

  return { processor, requests, consumer, publisher, time, held, counters, count, lines, end };
}

/** A started one, whose first poll is over: what a test queues from now on is not in its response. */
export async function startedAmongFakes(options: Options = {}): Promise<Among> {
  const among = processorAmongFakes(options);
  await among.processor.start();
  await eventually(() => among.count("claim_any") === 1, "it has polled");
  await turns();
  return among;
}

export type Among = ReturnType<typeof processorAmongFakes>;
