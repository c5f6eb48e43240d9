import { topics } from "@sate/contracts";
import type { Clients } from "./clients.ts";
import type { Fleet } from "./fleet.ts";
import type { Operators } from "./operators.ts";
import type { Action } from "./plan.ts";
import { leaseMs, type Process, type World } from "./processes.ts";

/** Of those that were not removed. */
const requestsMost = 6;
const replayersMost = 20;

/** What each action of a plan does, to what the step's own randomness draws. */
export function createNemesis(
  world: World,
  fleet: Fleet,
  { clients, operators, isRemoving }: { clients: Clients; operators: Operators; isRemoving: boolean },
): Record<Action, () => void> {
  const { weather, simulation, broker, history, count } = world;
  const isRoom = () => clients.requestIds.filter((id) => !history.isRemoved(id)).length < requestsMost;
  const routes = (size: number) => Array.from({ length: size }, fleet.route);
  const anyone = () => weather.random.of(fleet.all()) as Process;
  const between = (least: number, most: number) => weather.random.between(least, most);

  return {
    submit() {
      if (isRoom()) clients.submit(fleet.route());
    },
    create() {
      if (isRoom()) clients.create(1, routes(2));
    },
    batch() {
      if (isRoom()) clients.create(3, routes(2));
    },
    execute() {
      const { random } = weather;
      const requestId = random.of(clients.requestIds);
      if (requestId === undefined) return;
      for (let callers = random.chance(0.3) ? 3 : 1; callers > 0; callers--) {
        clients.execute(requestId, fleet.route(), random.chance(0.05));
      }
    },
    cancel() {
      const row = weather.random.of(history.executions());
      if (row) clients.cancel(row.request_id, row.id, fleet.route());
    },
    "cancel-all": () => operators.cancelAll(fleet.route()),
    replay() {
      const deadLetter = weather.random.of(history.deadLetters());
      if (deadLetter) operators.replay(deadLetter, routes(2 + weather.random.below(replayersMost - 1)));
    },
    remove() {
      if (!isRemoving) return;
      const requests = history.requests();
      const requestId = weather.random.chance(0.5) ? requests.at(-1) : weather.random.of(requests);
      if (requestId !== undefined) operators.remove(requestId, fleet.route());
    },
    read() {
      const requestId = weather.random.of(history.requests());
      if (requestId !== undefined) operators.read(requestId, fleet.route());
    },
    kill: () => fleet.kill(anyone().owner.name, between(5, 800)),
    "kill-processor": () => fleet.kill(`processor-${weather.random.below(3)}`, between(5, 800)),
    stop: () => fleet.stop(anyone(), between(5, 300)),
    freeze() {
      const isLong = weather.random.chance(0.5);
      fleet.freeze(
        weather.random.chance(0.5) ? fleet.anyProcessor() : anyone(),
        isLong ? between(leaseMs, leaseMs * 2) : between(50, leaseMs / 2),
      );
    },
    cut() {
      count("cut");
      weather.cutUntil.set(anyone().owner.name, simulation.now() + between(100, leaseMs * 1.5));
    },
    rebalance: broker.rebalanceAll,
    rewind: broker.rewind,
    skip: broker.skip,
    garbage() {
      const topic = weather.random.of(Object.values(topics)) ?? topics.executions;
      broker.append({ topic, key: null, value: "garbage", headers: {} });
    },
    wait() {},
  };
}
