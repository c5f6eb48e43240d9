import { createCounters } from "@sate/contracts/runtime";
import { createBatches } from "../../../gateway/src/capacity/create-batches.ts";
import { createUris } from "../../../gateway/src/http/uris.ts";
import { createCreateRequest } from "../../../gateway/src/requests/create.ts";
import { asGateway, dieSoon } from "./calls.ts";
import type { Commands, RequestsProcess, World } from "./processes.ts";

/** A call with an Idempotency-Key, which may be repeated. Its items have keys of their own. */
type Keyed = { token: string; items: Item[] };
type Item = { payload: string; processor?: string; hash: string };

/** The processor of items that are refused: no worker announces it. */
const unknown = "unknown";

/** Creating requests together with their executions, one or several in a call, with an Idempotency-Key. */
export function createCreators(world: World, maxFailures: number, onCreated: (requestId: string) => void) {
  const { history, newId, weather } = world;
  const calls: Keyed[] = [];

  function newCall(size: number): Keyed {
    const token = newId();
    const items = Array.from({ length: size }, (_, place): Item => {
      const payload = `{"key":"${token}","place":${place}}`;
      const isRefused = size > 1 && weather.random.chance(0.3);
      return { payload, hash: `key ${token} ${place}`, ...(isRefused && { processor: unknown }) };
    });
    return { token, items };
  }

  /** As the gateway creates each item of a batch: on its own, in calls that items share. */
  function createAll(commands: Commands, { items }: Keyed): Promise<unknown> {
    const create = createCreateRequest({
      ...createBatches(commands as never, { bodyBytesMax: 1_000 }),
      checkRequest: async () => {},
      uris: createUris(),
      counters: createCounters(),
      newId,
      maxFailures,
    });
    const createOne = async ({ payload, processor, hash }: Item) => {
      const body = { payload, execute: true, ...(processor && { processor }) };
      const key = { hash, body_hash: "body" };
      const isRemoved = history.isKeyRemoved(hash);
      try {
        const { request, execution } = await create(body, { headers: new Headers(), key });
        history.must(!isRemoved, "28: a removed request was created again");
        onCreated(request.id);
        history.requestAcknowledged(request.id, payload);
        history.executionAcknowledged(execution?.id ?? "none");
        history.keyAcknowledged(hash, `${request.id} ${execution?.id}`);
      } catch (error) {
        refused((error as { problemName?: string }).problemName, { payload, hash }, processor === unknown);
      }
    };
    return Promise.all(items.map(createOne));
  }

  function refused(problem: string | undefined, { payload, hash }: Item, isUnknown: boolean): void {
    if (problem === undefined) return; // 503: the outcome is unknown
    world.count(`refused_${problem}`);
    if (problem === "request-removed") history.keyRefusedAsRemoved(hash);
    else if (isUnknown) history.itemRefused(payload);
    else history.must(false, `26: refused as ${problem}`);
  }

  return {
    /** A new call, or the repetition of an earlier one; by two gateways at once, each of which may die on the way. */
    create(size: number, targets: RequestsProcess[]): void {
      const earlier = weather.random.chance(0.3) ? weather.random.of(calls) : undefined;
      const call = earlier ?? newCall(size);
      if (!earlier) calls.push(call);
      for (const target of targets) {
        const gateway = asGateway(world, target, (commands) => createAll(commands, call));
        if (weather.random.chance(0.1)) dieSoon(world, gateway);
      }
    },
  };
}
