import { groups, outcomeTopics, topics } from "@sate/contracts";
import { createCounters, type Log } from "@sate/contracts/runtime";
import * as processorService from "@sate/processor";
import * as requestsService from "@sate/requests-service";
import * as resultsListener from "@sate/results-listener";
import { readResults } from "../../../results-service/src/read-results.ts";
import type { Broker } from "./broker.ts";
import type { Bug } from "./bugs.ts";
import type { Databases } from "./databases.ts";
import type { History } from "./history.ts";
import { type Link, linked, type Weather } from "./network.ts";
import type { Owner, Simulation } from "./simulation.ts";

export const leaseMs = 1_500;
export const executionMs = 1_000;
const callMs = 400;
const confirmMs = 1_000;

/** Operations of the store that change executions. */
const writes = new Set([
  "insert",
  "cancel",
  "claim",
  "finish",
  "requeue",
  "clear",
  "confirm",
  "publishAgain",
]);

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export type World = {
  simulation: Simulation;
  weather: Weather;
  databases: Databases;
  broker: Broker;
  history: History;
  bug: Bug;
  lostMax: number;
  newId: () => string;
  count: (name: string, by?: number) => void;
  /** Something was written since the invariants were checked last. */
  touched: { requests: boolean; results: boolean };
  handler: processorService.Handler;
};

export type Service = { start(): Promise<void>; stop(): Promise<void> };
export type Commands = ReturnType<typeof requestsService.createRequestsService>["commands"];
/** One boot of one service. */
export type Process<S extends Service = Service> = {
  owner: Owner;
  service: S;
  counts(): Record<string, number>;
};

export const newOwner = (name: string): Owner => ({ name, isDead: false, frozenUntil: 0 });

function linkOf(world: World, from: Owner, to: () => Owner | null): Link {
  const { simulation, weather, history } = world;
  return {
    simulation,
    weather,
    from,
    to,
    deadlineMs: callMs,
    onUnexpected: (error) => history.broken.push(`a call failed unexpectedly: ${error}`),
  };
}

function shared(world: World, owner: Owner) {
  const { simulation, history, newId, weather } = world;
  // Wall clocks are wrong by up to an hour, each by its own; nothing may depend on them.
  const skewMs = weather.random.between(-3_600_000, 3_600_000);
  const counters = createCounters();
  return {
    counters,
    ports: {
      log: silent,
      counters,
      newId,
      clock: () => 1_600_000_000_000 + simulation.now() + skewMs,
      fatal: (what: string, error: unknown) =>
        void history.broken.push(`${owner.name}: ${what} ended: ${error}`),
    },
  };
}

export function bootRequests(world: World, name: string): Process<Service & { commands: Commands }> {
  const owner = newOwner(name);
  const { counters, ports } = shared(world, owner);
  const { databases, bug, history, touched, broker, lostMax } = world;
  const link = linkOf(world, owner, () => null);
  const real = bug.store?.(databases.store(), databases) ?? databases.store();
  const touching = <F extends object>(functions: F): F => {
    const entries = Object.entries(functions).map(([key, work]) => [
      key,
      (...args: unknown[]) => {
        touched.requests ||= writes.has(key);
        return work(...args);
      },
    ]);
    return Object.fromEntries(entries) as F;
  };
  const finish: typeof real.runs.finish = async (decided) => {
    const compare = history.finishing(decided);
    const answers = await real.runs.finish(decided);
    compare(answers);
    world.count("finishes_fenced", answers.filter((answer) => answer === "refused").length);
    return answers;
  };
  const store = {
    requests: linked(real.requests, link),
    executions: linked(touching(real.executions), link),
    runs: linked(touching({ ...real.runs, finish }), link),
    refusals: linked(real.refusals, link),
    workers: linked(real.workers, link),
    outbox: linked(touching(real.outbox), link),
    confirmations: linked(touching(real.confirmations), link),
    ...linked({ open: real.open, ping: real.ping }, link),
    close: async () => {},
  };
  const { resultsRecorded } = readResults(databases.reader());
  const results = linked(bug.results?.({ resultsRecorded }) ?? { resultsRecorded }, link);
  const publisher = broker.publisher(link);
  const service = requestsService.createRequestsService(
    { ...ports, store, publisher, results, random: () => world.weather.random.next() },
    { serviceToken: "", leaseMs, lostMax, confirmMs, exclusive: false },
  );
  return { owner, service, counts: counters.read };
}

export function bootProcessor(
  world: World,
  name: string,
  route: () => Process<Service & { commands: Commands }>,
): Process {
  const owner = newOwner(name);
  const { counters, ports } = shared(world, owner);
  const { simulation, broker, bug } = world;
  // One link for each call, for each goes to whichever requests-service it finds.
  const names = Object.keys(route().service.commands) as (keyof Commands)[];
  const requests = Object.fromEntries(
    names.map((command) => [
      command,
      (body: never) => {
        const target = route();
        const link = linkOf(world, owner, () => target.owner);
        return linked(
          { call: target.service.commands[command] as (body: never) => Promise<unknown> },
          link,
        ).call(body);
      },
    ]),
  ) as Commands;
  const consumer = broker.consumer(owner, groups.processor, [topics.executions]);
  const service = processorService.createProcessor(
    {
      ...ports,
      requests,
      publisher: broker.publisher(linkOf(world, owner, () => null)),
      consumer: wrapped(consumer, groups.processor, bug),
      handlers: { default: (run) => world.handler(run) },
      random: () => world.weather.random.next(),
      time: {
        now: ports.clock,
        monotonic: simulation.now,
        after(ms, then) {
          const event = simulation.later(owner, ms, then);
          return () => {
            event.isCancelled = true;
          };
        },
      },
    },
    { serviceToken: "", leaseMs, concurrency: 3, executionMs, shutdownMs: 2_000 },
  );
  return { owner, service, counts: counters.read };
}

export function bootListener(world: World, name: string): Process {
  const owner = newOwner(name);
  const { counters, ports } = shared(world, owner);
  const { databases, broker, bug, touched } = world;
  const link = linkOf(world, owner, () => null);
  const real = databases.writer();
  const calls = linked(
    {
      recordResults: (results: Parameters<typeof real.recordResults>[0]) => {
        touched.results = true;
        return real.recordResults(results);
      },
      storeDeadLetters: real.storeDeadLetters,
      open: real.open,
      ping: real.ping,
    },
    link,
  );
  const writer = { ...calls, close: async () => {} };
  const consumer = broker.consumer(owner, groups.resultsListener, outcomeTopics);
  const service = resultsListener.createResultsListener(
    {
      ...ports,
      writer,
      publisher: broker.publisher(link),
      consumer: wrapped(consumer, groups.resultsListener, bug),
    },
    { serviceToken: "" },
  );
  return { owner, service, counts: counters.read };
}

/** A client of requests-service of its own: what a gateway is, for the length of one call. */
export function callerOf(
  world: World,
  owner: Owner,
  target: Process<Service & { commands: Commands }>,
): Commands {
  return linked(
    target.service.commands,
    linkOf(world, owner, () => target.owner),
  );
}

function wrapped(consumer: ReturnType<Broker["consumer"]>, group: string, bug: Bug) {
  const { handle: wrap } = bug;
  if (!wrap) return consumer;
  return {
    ...consumer,
    start: (handle: Parameters<typeof consumer.start>[0]) => consumer.start(wrap(group, handle)),
  };
}
