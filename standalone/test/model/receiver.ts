import type { WebhookMessage } from "@sate/contracts";
import type { World } from "./processes.ts";

/**
 * The receiver of all webhooks. It is unreachable or fails only at the first call of a delivery, since the pauses after
 * further failures are longer than a history. Its worker may die after the receiver was told, and before it responds.
 */
export function createReceiver(world: World, die: (name: string) => void): World["post"] {
  const { simulation, weather, history } = world;
  const called = new Set<string>();
  return (_, { headers, body, signal }) => {
    const owner = simulation.current();
    if (!owner) throw new Error("a webhook was called outside of a process");
    const { random } = weather;
    const id = headers["webhook-id"] ?? "none";
    const message = JSON.parse(new TextDecoder().decode(body)) as WebhookMessage;
    const mayFail = !world.isPeaceful && !called.has(id);
    called.add(id);

    return new Promise((resolve, reject) => {
      const respond = (status: number) =>
        simulation.later(owner, random.between(1, 20), () => resolve({ status, headers: {}, body: null }));
      signal.addEventListener("abort", () => reject(signal.reason));
      simulation.later(owner, random.between(1, 20), () => {
        if (signal.aborted) return;
        if (mayFail && random.chance(0.2)) return reject(new Error("the receiver is unreachable"));
        history.delivered(id, message);
        world.count("webhooks_received");
        if (!world.isPeaceful && random.chance(0.1)) die(owner.name);
        else respond(mayFail && random.chance(0.3) ? 500 : 200);
      });
    });
  };
}
