import { derivedId } from "@sate/contracts";
import { createBroker } from "./broker.ts";
import type { Bug } from "./bugs.ts";
import { createClients } from "./clients.ts";
import type { Databases } from "./databases.ts";
import { createFleet } from "./fleet.ts";
import { createHandler } from "./handler.ts";
import { createHistory } from "./history.ts";
import { createNemesis } from "./nemesis.ts";
import { calm, type Odds, type Weather } from "./network.ts";
import { createOperators } from "./operators.ts";
import type { Step } from "./plan.ts";
import type { World } from "./processes.ts";
import { createRandom, seedOf } from "./random.ts";
import { createReceiver } from "./receiver.ts";
import { createSimulation, inSimulatedTime } from "./simulation.ts";

/** Simulated time after the last fault within which everything must have ended: invariant 16. */
const restWithinMs = 120_000;
/** So soon that most of it happens under faults. In every fourth history. */
const soonRemoved = { requestsKeptMs: 3_000, executionsKeptMs: 1_500, deadLettersKeptMs: 2_000 };
/** Longer than any call may be in transit. */
const transitMsMost = 1_000;

const weathers: Record<Step["weather"], Odds> = {
  calm,
  flaky: { failed: 0.03, lost: 0.03, doubled: 0.05, slow: 0.05, dropped: 0.1 },
  bad: { failed: 0.15, lost: 0.15, doubled: 0.2, slow: 0.2, dropped: 0.5 },
};

export type Outcome = { broken: string[]; counts: Record<string, number>; events: number; restMs: number };

/**
 * One history: two requests-services, two or three processors and two listeners, as `steps` treat them; then
 * peace, until all is at rest; then every record once more. Ends as soon as something is broken.
 */
export function live(seed: number, steps: Step[], databases: Databases, bug: Bug = {}): Outcome {
  const simulation = createSimulation();
  const weather: Weather = { random: createRandom(seedOf(seed, -1)), odds: calm, cutUntil: new Map() };
  return inSimulatedTime(
    simulation,
    () => weather.random.next(),
    () => liveIn({ seed, databases, bug, simulation, weather }, steps),
  );
}

type Setting = Pick<World, "simulation" | "weather" | "databases" | "bug"> & { seed: number };

function liveIn(setting: Setting, steps: Step[]): Outcome {
  const { seed, databases, simulation, weather } = setting;
  databases.clear();
  const { world, counts, maxFailures } = createWorld(setting);
  const { history, broker } = world;
  const fleet = createFleet(world, { processors: 2 + (seed % 2) });
  const clients = createClients(world, maxFailures);
  const operators = createOperators(world);
  // In every second history: until a removal has been looked at twice, there is no rest.
  const isRemoving = seed % 2 === 0;
  const nemesis = createNemesis(world, fleet, { clients, operators, isRemoving });
  const die = (name: string) => fleet.kill(name, 0);
  world.handler = createHandler(world, die);
  world.post = createReceiver(world, die);

  let events = 0;
  const run = (ms: number) => simulation.runUntil(simulation.now() + ms, () => void events++);
  const isBroken = () => history.broken().length > 0;
  const end = (restMs: number): Outcome => {
    fleet.counts();
    world.count("overlaps_excused", history.excusedOverlaps());
    return { broken: history.broken(), counts, events, restMs };
  };

  // Each in every third history.
  if (seed % 3 === 0) for (const inMs of [0, 300, 1_500]) clients.schedule(inMs);
  if (seed % 3 === 1)
    for (const inMs of [10, 1_000]) simulation.later(null, inMs, () => operators.subscribe(fleet.route()));
  for (const step of steps) {
    weather.random = createRandom(step.seed);
    weather.odds = weathers[step.weather];
    nemesis[step.action]();
    run(step.ms);
    if (isBroken()) return end(0);
  }

  weather.random = createRandom(seedOf(seed, -2));
  weather.odds = calm;
  weather.cutUntil.clear();
  world.isPeaceful = true;
  const healedAt = simulation.now();
  // What was in transit or frozen at that moment still arrives, and is no fault of a replay.
  run(Math.max(0, ...fleet.all().map(({ owner }) => owner.frozenUntil - healedAt)) + transitMsMost);
  const rest = () => {
    const begunAt = simulation.now();
    const isOver = () => isBroken() || (history.isAtRest() && !broker.hasLag());
    while (!isOver() && simulation.now() - begunAt < restWithinMs) run(250);
    if (!isBroken()) history.checkEnd(broker);
  };
  rest();
  const restMs = simulation.now() - healedAt;
  if (!isBroken()) replay(world, run);
  // What has become old since then may be removed now.
  rest();
  return end(restMs);
}

function createWorld({ seed, bug, databases, simulation, weather }: Setting) {
  const counts: Record<string, number> = {};
  const count = (name: string, by = 1) => {
    counts[name] = (counts[name] ?? 0) + by;
  };
  const maxFailures = 2 + (seed & 1);
  const kept =
    seed % 4 === 2 ? soonRemoved : { requestsKeptMs: 0, executionsKeptMs: 0, deadLettersKeptMs: 0 };
  const history = createHistory(databases.db, { maxFailures, ...kept });
  const broker = createBroker({
    simulation,
    weather,
    count,
    onCommit: (group, records) => history.committed(group, records, () => broker),
  });
  let ids = 0;
  const databaseSkewMs = weather.random.between(-3_600_000, 3_600_000);
  const world: World = {
    databaseClock: () => 1_600_000_000_000 + simulation.now() + databaseSkewMs,
    simulation,
    weather,
    databases,
    broker,
    history,
    bug,
    count,
    isPeaceful: false,
    kept,
    newId: () => derivedId(world.databaseClock(), String(++ids)),
    handler: () => Promise.reject(new Error("no handler is set yet")),
    post: () => Promise.reject(new Error("no receiver is set yet")),
  };
  return { world, counts, maxFailures };
}

/** Invariant 14: every record once more changes nothing, but for removals by age, and runs nothing. */
function replay({ broker, history, kept }: World, run: (ms: number) => void): void {
  const seen = () => JSON.stringify([kept.requestsKeptMs === 0 && history.everything(), history.runs.length]);
  const before = seen();
  broker.rewind();
  for (let turns = 0; turns < 20 && broker.hasLag(); turns++) run(100);
  history.must(!broker.hasLag(), "14: a replay does not come to an end");
  history.must(seen() === before, "14: a replay changed something, or started a run");
}
