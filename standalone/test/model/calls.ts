import { type Commands, callerOf, newOwner, type RequestsProcess, type World } from "./processes.ts";
import type { Owner } from "./simulation.ts";

/** Runs it as a gateway that lives for one call, because any may die. */
export function asGateway(
  world: World,
  target: RequestsProcess,
  run: (commands: Commands) => Promise<unknown>,
): Owner {
  const owner = newOwner("gateway");
  const commands = callerOf(world, owner, target);
  world.simulation.as(owner, () => void run(commands).catch(() => {}));
  return owner;
}

/** The gateway dies within the next few milliseconds. */
export function dieSoon({ simulation, weather }: World, gateway: Owner): void {
  simulation.later(null, weather.random.between(0, 8), () => {
    gateway.isDead = true;
  });
}

export function first<T>([answer]: T[]): T {
  if (answer === undefined) throw new Error("no result");
  return answer;
}
