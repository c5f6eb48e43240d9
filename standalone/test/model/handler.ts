import type { HandlerEnd, HandlerRun } from "@sate/processor";
import type { World } from "./processes.ts";

/** Of one history: fewer than a processor has slots, so that it always has one that comes free. */
const deafMost = 2;

/**
 * A handler that ends in many ways, drawn anew for every run. It ends soon after its signal is aborted, except for a few
 * that never end: their executions are ended by requests-service.
 */
export function createHandler(world: World, die: (name: string) => void) {
  const { simulation, weather, history } = world;
  let deaf = 0;
  return (run: HandlerRun, processor: string): Promise<HandlerEnd> => {
    const { requestId, executionId, epoch, tryNumber, payloadJson, signal } = run;
    const owner = simulation.current();
    if (!owner) throw new Error("a handler was called outside of a process");
    const { random } = weather;
    const startedAt = simulation.now();
    const isDeaf = !world.isPeaceful && random.chance(0.08) && deaf++ < deafMost;
    const seen = {
      ...{ requestId, executionId, epoch, tryNumber, processor, owner, isDeaf, signal, startedAt },
      endedAt: null as number | null,
    };
    history.runStarts(seen, payloadJson);

    return new Promise((resolve, reject) => {
      const ends = (ms: number, settle: () => void) =>
        simulation.later(owner, ms, () => {
          if (seen.endedAt !== null) return;
          seen.endedAt = simulation.now();
          settle();
        });
      run.log("begun\n");
      run.progress(random.next());
      if (isDeaf) return;
      signal.addEventListener("abort", () => ends(random.between(0, 50), () => reject(signal.reason)));
      const kind = random.next();
      const ms = random.chance(0.2) ? random.between(100, 1_200) : random.between(0, 20);
      if (random.chance(world.isPeaceful ? 0 : 0.02)) simulation.later(owner, ms, () => die(owner.name));
      else if (world.isPeaceful || kind < 0.35)
        ends(ms, () => resolve({ kind: "succeeded", outputsJson: "{}" }));
      else if (kind < 0.75)
        ends(ms, () => resolve({ kind: "failed", error: { code: "own", message: "its own word" } }));
      else if (kind < 0.93) ends(ms, () => reject(new Error("unexpected")));
      // else it hangs until its deadline
    });
  };
}
