import { formatTimestamp, limits } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { createAttemptLimit } from "../../../gateway/src/executions/attempt-limit.ts";
import { createStartExecution } from "../../../gateway/src/executions/create.ts";
import { createUris } from "../../../gateway/src/http/uris.ts";
import { asGateway, dieSoon, first } from "./calls.ts";
import { createCreators } from "./creators.ts";
import type { RequestsProcess, World } from "./processes.ts";

/** What clients do through the gateway's own admission. */
export function createClients(world: World, maxFailures: number) {
  const { history, newId, simulation, weather } = world;
  const requestIds: string[] = [];
  const attemptLimit = createAttemptLimit();

  const { create } = createCreators(world, maxFailures, (id) => {
    if (!requestIds.includes(id)) requestIds.push(id);
  });

  return {
    requestIds,
    create,

    submit(target: RequestsProcess): void {
      const id = newId();
      const payload = `{"number":${requestIds.length}}`;
      const processor = weather.random.chance(0.5) ? "again" : undefined;
      asGateway(world, target, async ({ createRequests }) => {
        const request = { id, payload_json: payload, ...(processor !== undefined && { processor }) };
        const { answers } = await createRequests({ requests: [request] });
        if (answers[0]?.kind !== "created") return;
        requestIds.push(id);
        history.requestAcknowledged(id, payload);
      });
    },

    /** Requests an execution; the gateway dies on the way if it is to. */
    execute(requestId: string, target: RequestsProcess, dies: boolean): void {
      let id = "";
      const timing = timingOf(world);
      const owner = asGateway(world, target, (commands) =>
        createStartExecution({
          createExecution: async (asked) => {
            id = asked.id;
            const execution = { ...asked, ...timing };
            // The same twice in one batch is one execution.
            const executions = weather.random.chance(0.1) ? [execution, execution] : [execution];
            return first((await commands.createExecutions({ executions })).answers);
          },
          recordRefusal: async (refusal) =>
            first((await commands.recordRefusals({ refusals: [refusal] })).answers),
          attemptLimit,
          uris: createUris(),
          counters: createCounters(),
          monotonic: simulation.now,
          newId,
          maxFailures,
        })(requestId, {}, { headers: new Headers(), key: undefined }).then(
          () => history.executionAcknowledged(id),
          (error) => {
            if (error.problemName === undefined) return; // 503: the outcome is unknown
            world.count(`refused_${error.problemName}`);
            if (error.problemName === "failures-exhausted") history.exhausted(requestId, id);
            else if (error.problemName === "request-removed") history.refusedAsRemoved(requestId);
            else history.executionRefused(id);
          },
        ),
      );
      if (dies) dieSoon(world, owner);
    },

    /** A schedule that fires once, so soon that the faults hit it. */
    schedule(inMs: number): void {
      const id = newId();
      const next_at = Math.floor(world.databaseClock() + inMs);
      const rhythm = { cron: "@yearly", time_zone: "UTC", missed: "last", next_at } as const;
      const schedule = {
        ...{ id, payload_json: '"scheduled"', creation_date: formatTimestamp(0) },
        ...rhythm,
      };
      void world.databases.store(world.databaseClock).schedules.insert(schedule, limits.schedulesMax);
      history.scheduled(id, next_at);
    },

    cancel(requestId: string, executionId: string, target: RequestsProcess): void {
      const body = { request_id: requestId, execution_id: executionId };
      asGateway(world, target, ({ cancelExecution }) => cancelExecution(body));
    },
  };
}

export type Clients = ReturnType<typeof createClients>;

/** What a client says about time, or nothing: a later start, an expiry, a shorter deadline. */
function timingOf({ weather: { random }, databaseClock, isPeaceful }: World) {
  const sometimes = <T extends object>(probability: number, timing: T) =>
    !isPeaceful && random.chance(probability) ? timing : {};
  return {
    ...sometimes(0.2, { start_after: Math.floor(databaseClock() + random.between(-1_000, 3_000)) }),
    ...sometimes(0.15, { expires_in_seconds: random.between(0.01, 2) }),
    ...sometimes(0.15, { timeout_seconds: random.between(0.01, 1) }),
  };
}
