import { type Consumer, defaultProcessor, groups, outcomeTopics, type Topic, topics } from "@sate/contracts";
import { createCounters, type Log } from "@sate/contracts/runtime";
import * as processorService from "@sate/processor";
import * as requestsService from "@sate/requests-service";
import * as resultsListener from "@sate/results-listener";
import { fakeProcessors } from "../../../processor/test/fakes/processors.ts";
import { readResults } from "../../../results-service/src/read-results.ts";
import type { Broker } from "./broker.ts";
import type { Bug } from "./bugs.ts";
import type { Databases } from "./databases.ts";
import type { History } from "./history.ts";
import { lostMax, triesMax } from "./invariants.ts";
import { type Link, linked, type Weather } from "./network.ts";
import type { Owner, Simulation } from "./simulation.ts";

export const leaseMs = 1_500;
/** The processors: one that retries, and the default. Some workers serve one of them, and some both. */
const announced = {
  [defaultProcessor]: { timeout_seconds: 1 },
  again: { timeout_seconds: 1.5, retry: { tries: triesMax, first_seconds: 0.1, max_seconds: 0.3 } },
};
const served = [[defaultProcessor], [defaultProcessor, "again"], ["again"]] as const;
/** Longer than any history: a run whose handler never ends is not decided by its worker. */
const graceMs = 1_000_000;
const callMs = 400;
const confirmMs = 1_000;
const logsKeptMs = 86_400_000;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export type World = {
  simulation: Simulation;
  weather: Weather;
  databases: Databases;
  broker: Broker;
  history: History;
  bug: Bug;
  newId: () => string;
  count: (name: string, by?: number) => void;
  /** No more faults: handlers succeed. */
  isPeaceful: boolean;
  handler: (run: processorService.HandlerRun, processor: string) => Promise<processorService.HandlerEnd>;
  /** The receiver of all webhooks. */
  post: NonNullable<Parameters<typeof processorService.createProcessor>[0]["post"]>;
  /** How long what has ended is kept; 0 is for ever. */
  kept: { requestsKeptMs: number; executionsKeptMs: number; deadLettersKeptMs: number };
  /** What all instants are compared with, ms since 1970: wrong by up to an hour, but the same for all services. */
  databaseClock: () => number;
};

type Service = { start(): Promise<void>; stop(): Promise<void> };
export type Commands = ReturnType<typeof requestsService.createRequestsService>["commands"];
/** One boot of one service. */
export type Process<S extends Service = Service> = {
  owner: Owner;
  service: S;
  counts(): Record<string, number>;
};
export type RequestsProcess = Process<Service & { commands: Commands }>;

export const newOwner = (name: string): Owner => ({ name, isDead: false, frozenUntil: 0 });

function linkOf({ simulation, weather, history }: World, from: Owner, to: Owner | null): Link {
  const onUnexpected = (error: unknown) => history.must(false, `a call failed unexpectedly: ${error}`);
  return { simulation, weather, from, to, deadlineMs: callMs, onUnexpected };
}

/** What a process is started with: its name, its way to the servers outside, and what all services need. */
function prepared(world: World, name: string) {
  const { simulation, history, newId, weather, broker, bug } = world;
  const owner = newOwner(name);
  const link = linkOf(world, owner, null);
  // Wall clocks are wrong by up to an hour, each by its own; nothing may depend on them.
  const skewMs = weather.random.between(-3_600_000, 3_600_000);
  const counters = createCounters();
  const ports = {
    log: silent,
    counters,
    newId,
    random: () => world.weather.random.next(),
    clock: () => 1_600_000_000_000 + simulation.now() + skewMs,
    fatal: (what: string, error: unknown) => history.must(false, `${name}: ${what} ended: ${error}`),
    publisher: broker.publisher(link),
  };
  const consumer = (group: string, groupTopics: readonly Topic[]): Consumer => {
    const real = broker.consumer(owner, group, groupTopics);
    return { ...real, start: (handle) => real.start(bug.handle?.(handle) ?? handle) };
  };
  return { owner, link, ports, consumer, counts: counters.read };
}

function writerOf({ databases, bug, simulation }: World) {
  const writer = databases.writer(simulation.now);
  return bug.writer?.(writer, databases.db) ?? writer;
}

export function bootRequests(world: World, name: string): RequestsProcess {
  const { owner, link, ports, counts } = prepared(world, name);
  const { databases, bug, history, count } = world;
  const correct = databases.store(world.databaseClock);
  const real = bug.store?.(correct, databases.db) ?? correct;
  const finish: typeof real.runs.finish = async (decided) => {
    const compare = history.finishing(decided);
    const results = await real.runs.finish(decided);
    compare(results);
    count("finishes_fenced", results.filter((result) => result === "refused").length);
    return results;
  };
  // Its clock is read from memory, without a call.
  const { now } = real;
  const calls = linked({ ...real, runs: { ...real.runs, finish } }, link);
  const store = { ...calls, now, close: async () => {} };
  const read = readResults(databases.reader());
  const { resultsRecorded } = bug.results ?? read;
  const { getDeadLetter } = read;
  const { removeResults } = resultsListener.removalCommands({ writer: writerOf(world), ...ports });
  const service = requestsService.createRequestsService(
    {
      ...{ ...ports, store, results: linked({ resultsRecorded }, link) },
      ...{ deadLetters: linked({ getDeadLetter }, link), resultsRemoval: linked({ removeResults }, link) },
    },
    {
      ...{ serviceToken: "", leaseMs, lostMax, confirmMs, logsKeptMs, storesRecords: true, exclusive: false },
      ...world.kept,
    },
  );
  return { owner, service, counts };
}

/** `route`: the requests-service that the next call reaches. */
export function bootProcessor(world: World, name: string, route: () => RequestsProcess): Process {
  const { owner, ports, consumer, counts } = prepared(world, name);
  const names = served[Number(name.split("-")[1])] ?? [];
  const requests = new Proxy({} as Commands, {
    get: (_, command: keyof Commands) => (body: never) => callerOf(world, owner, route())[command](body),
  });
  const service = processorService.createProcessor(
    {
      ...ports,
      requests,
      post: (url, call) => world.post(url, call),
      consumer: consumer(`processor of ${names.join(" and ")}`, [topics.executions]),
      processors: fakeProcessors(
        Object.fromEntries(
          names.map((processor) => [
            processor,
            {
              handler: (run) => world.handler(run, processor),
              announces: announced[processor],
              graceMs,
            },
          ]),
        ),
      ),
      time: {
        now: ports.clock,
        monotonic: world.simulation.now,
        after(ms, then) {
          const event = world.simulation.later(owner, ms, then);
          return () => {
            event.isCancelled = true;
          };
        },
      },
    },
    { serviceToken: "", leaseMs, workerName: name, concurrency: 3, shutdownMs: 2_000 },
  );
  return { owner, service, counts };
}

export function bootListener(world: World, name: string): Process {
  const { owner, link, ports, consumer, counts } = prepared(world, name);
  const writer = { ...linked(writerOf(world), link), close: async () => {} };
  const service = resultsListener.createResultsListener(
    { ...ports, writer, consumer: consumer(groups.resultsListener, outcomeTopics) },
    { serviceToken: "", ...world.kept },
  );
  return { owner, service, counts };
}

/** The commands of this requests-service, as another process calls them. */
export function callerOf(world: World, owner: Owner, target: RequestsProcess): Commands {
  return linked(target.service.commands, linkOf(world, owner, target.owner));
}
