import { createCounters } from "@sate/contracts/runtime";
import type { HandlerEnd, HandlerRun } from "@sate/processor";
import { createAttemptLimit } from "../../../gateway/src/executions/attempt-limit.ts";
import { createStartExecution } from "../../../gateway/src/executions/create.ts";
import { createUris } from "../../../gateway/src/http/uris.ts";
import { type Commands, callerOf, newOwner, type Process, type Service, type World } from "./processes.ts";

type Target = Process<Service & { commands: Commands }>;

/** What clients do through the gateway's own admission, one process for each call, since any may die. */
export function createClients(world: World, maxFailures: number) {
  const { history, newId, simulation, weather } = world;
  const requestIds: string[] = [];
  const attemptLimit = createAttemptLimit();

  /** A call to requests-service comes once, though it may come late: nothing on that way repeats a POST. */
  const once = (commands: Commands): Commands["createExecutions"] => {
    return (body) => {
      const { doubled } = weather.odds;
      weather.odds = { ...weather.odds, doubled: 0 };
      const call = commands.createExecutions(body);
      weather.odds = { ...weather.odds, doubled };
      return call;
    };
  };

  return {
    requestIds,

    submit(target: Target): void {
      const owner = newOwner("gateway");
      const id = newId();
      const payload = `{"number":${requestIds.length}}`;
      simulation.as(owner, () => {
        callerOf(world, owner, target)
          .createRequests({ requests: [{ id, payload_json: payload }] })
          .then(({ answers: [answer] }) => {
            if (answer?.kind !== "created") return;
            requestIds.push(id);
            history.requestAcknowledged(id, payload);
          })
          .catch(() => {});
      });
    },

    /** Asks for an execution; the gateway dies on the way if it is to. */
    execute(requestId: string, target: Target, dies: boolean): void {
      const owner = newOwner("gateway");
      let id = "";
      const start = createStartExecution({
        createExecution: async (execution) => {
          id = execution.id;
          // The same twice in one batch is one execution.
          const executions = weather.random.chance(0.1) ? [execution, execution] : [execution];
          const { answers } = await once(callerOf(world, owner, target))({ executions });
          if (!answers[0]) throw new Error("no answer");
          return answers[0];
        },
        recordRefusal: async (refusal) => {
          const { answers } = await callerOf(world, owner, target).recordRefusals({ refusals: [refusal] });
          if (!answers[0]) throw new Error("no answer");
          return answers[0];
        },
        attemptLimit,
        uris: createUris(),
        counters: createCounters(),
        monotonic: simulation.now,
        newId,
        maxFailures,
      });
      simulation.as(owner, () => {
        start(requestId, {}, new Headers()).then(
          () => history.executionAcknowledged(id, requestId),
          (error) => {
            if (error.problemName === undefined) return; // 503: nobody knows
            world.count(`refused_${error.problemName}`);
            if (error.problemName === "failures-exhausted") history.exhausted(requestId, id);
            else history.executionRefused(id);
          },
        );
      });
      if (!dies) return;
      simulation.later(null, weather.random.between(0, 8), () => {
        owner.isDead = true;
      });
    },

    cancel(requestId: string, executionId: string, target: Target): void {
      const owner = newOwner("gateway");
      simulation.as(owner, () => {
        const body = { request_id: requestId, execution_id: executionId };
        callerOf(world, owner, target)
          .cancelExecution(body)
          .catch(() => {});
      });
    },
  };
}

export type Clients = ReturnType<typeof createClients>;

export type Behaviour = { chanceOfDeath: number; isGood: boolean };

/** A handler of many kinds, which one is drawn anew for every run. It ends soon after its signal is aborted. */
export function createHandler(world: World, behaviour: Behaviour, die: (name: string) => void) {
  const { simulation, weather, history } = world;
  return (run: HandlerRun): Promise<HandlerEnd> => {
    const owner = simulation.current();
    if (!owner) throw new Error("a handler was called by nobody");
    const { random } = weather;
    const seen = {
      requestId: run.requestId,
      executionId: run.executionId,
      epoch: run.epoch,
      owner,
      startedAt: simulation.now(),
      endedAt: null as number | null,
    };

    history.runStarts(seen, run.payloadJson);
    return new Promise((resolve, reject) => {
      const ends = (ms: number, tell: () => void) =>
        simulation.later(owner, ms, () => {
          if (seen.endedAt !== null) return;
          seen.endedAt = simulation.now();
          tell();
        });
      run.signal.addEventListener("abort", () =>
        ends(random.between(0, 50), () => reject(run.signal.reason)),
      );
      const kind = random.next();
      const ms = random.chance(0.2) ? random.between(100, 1_200) : random.between(0, 20);
      if (random.chance(behaviour.chanceOfDeath)) simulation.later(owner, ms, () => die(owner.name));
      else if (behaviour.isGood || kind < 0.35)
        ends(ms, () => resolve({ kind: "succeeded", outputsJson: "{}" }));
      else if (kind < 0.75)
        ends(ms, () => resolve({ kind: "failed", error: { code: "own", message: "its own word" } }));
      else if (kind < 0.93) ends(ms, () => reject(new Error("unexpected")));
      // else it hangs until its deadline
    });
  };
}
