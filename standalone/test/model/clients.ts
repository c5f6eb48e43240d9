import { formatTimestamp, limits } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import type { HandlerEnd, HandlerRun } from "@sate/processor";
import { createAttemptLimit } from "../../../gateway/src/executions/attempt-limit.ts";
import { createStartExecution } from "../../../gateway/src/executions/create.ts";
import { createUris } from "../../../gateway/src/http/uris.ts";
import { createCreateRequest } from "../../../gateway/src/requests/create.ts";
import { type Commands, callerOf, newOwner, type RequestsProcess, type World } from "./processes.ts";

/** What clients do through the gateway's own admission, one process for each call, since any may die. */
export function createClients(world: World, maxFailures: number) {
  const { history, newId, simulation, weather } = world;
  const requestIds: string[] = [];
  const attemptLimit = createAttemptLimit();

  /** Runs it as a gateway that lives for one call. */
  function asGateway(target: RequestsProcess, run: (commands: Commands) => Promise<unknown>) {
    const owner = newOwner("gateway");
    const commands = callerOf(world, owner, target);
    simulation.as(owner, () => void run(commands).catch(() => {}));
    return owner;
  }

  return {
    requestIds,

    submit(target: RequestsProcess): void {
      const id = newId();
      const payload = `{"number":${requestIds.length}}`;
      const processor = weather.random.chance(0.5) ? "again" : undefined;
      asGateway(target, async ({ createRequests }) => {
        const request = { id, payload_json: payload, ...(processor !== undefined && { processor }) };
        const { answers } = await createRequests({ requests: [request] });
        if (answers[0]?.kind !== "created") return;
        requestIds.push(id);
        history.requestAcknowledged(id, payload);
      });
    },

    /** Creates a request and its execution, once, by two calls with one Idempotency-Key. Each gateway may die on the way. */
    create(targets: RequestsProcess[]): void {
      const number = requestIds.length;
      const token = newId();
      const payload = `{"key":"${token}","number":${number}}`;
      const key = { hash: `key ${token}`, body_hash: "body" };
      for (const target of targets) {
        const owner = asGateway(target, (commands) =>
          createCreateRequest({
            createRequest: async (wanted) =>
              first((await commands.createRequests({ requests: [wanted] })).answers),
            checkRequest: async () => {},
            uris: createUris(),
            counters: createCounters(),
            newId,
            maxFailures,
          })({ payload, execute: true }, { headers: new Headers(), key }).then(
            ({ request: { id }, execution }) => {
              requestIds.push(id);
              history.requestAcknowledged(id, payload);
              history.executionAcknowledged(execution?.id ?? "none");
              history.keyAcknowledged(token, `${id} ${execution?.id}`);
            },
            // 503: the outcome is unknown. Nothing else may happen.
            (error) => history.must(error.problemName === undefined, `26: refused as ${error.problemName}`),
          ),
        );
        if (!weather.random.chance(0.1)) continue;
        simulation.later(null, weather.random.between(0, 8), () => {
          owner.isDead = true;
        });
      }
    },

    /** Requests an execution; the gateway dies on the way if it is to. */
    execute(requestId: string, target: RequestsProcess, dies: boolean): void {
      let id = "";
      const timing = timingOf(world);
      const owner = asGateway(target, (commands) =>
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
            else history.executionRefused(id);
          },
        ),
      );
      if (!dies) return;
      simulation.later(null, weather.random.between(0, 8), () => {
        owner.isDead = true;
      });
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
      asGateway(target, ({ cancelExecution }) => cancelExecution(body));
    },
  };
}

export type Clients = ReturnType<typeof createClients>;

function first<T>([answer]: T[]): T {
  if (answer === undefined) throw new Error("no result");
  return answer;
}

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
