import type { WebhookEvent } from "@sate/contracts";
import { asGateway, first } from "./calls.ts";
import type { RequestsProcess, World } from "./processes.ts";

const events: WebhookEvent[] = [
  "execution.succeeded",
  "execution.failed",
  "execution.dead_lettered",
  "execution.cancelled",
];
/** Enough to end, also after a bulk cancellation of everything. */
const bulkMax = 100;

/** What operators do: subscribing, replaying, removing, and cancelling everything at once. */
export function createOperators(world: World) {
  const { history, newId, weather } = world;

  return {
    /** A webhook for some of the events, or all. */
    subscribe(target: RequestsProcess): void {
      const wanted = events.filter(() => weather.random.chance(0.7));
      const secret = `whsec_${"A".repeat(32)}`;
      const webhook = { id: newId(), url: "https://receiver.test/", events: wanted, secret, uri_base: "" };
      asGateway(world, target, ({ createWebhook }) => createWebhook(webhook));
    },

    /** As many callers as there are targets replay one dead letter. */
    replay({ _id: id, request_id }: { _id: string; request_id: string }, targets: RequestsProcess[]): void {
      for (const target of targets) {
        const dead_letters = [{ id, request_id, execution_id: newId() }];
        asGateway(world, target, async ({ replayDeadLetters }) => {
          const replay = first((await replayDeadLetters({ dead_letters, dry_run: false })).answers);
          world.count(`replays_${replay.kind}`);
          if (replay.kind === "started" || replay.kind === "replayed") {
            history.replayed(id, replay.execution.id);
          } else if (replay.kind === "refused" && replay.refusal.kind === "removed") {
            history.refusedAsRemoved(request_id);
          }
        });
      }
    },

    remove(requestId: string, target: RequestsProcess): void {
      history.removalAsked(requestId);
      asGateway(world, target, async ({ removeRequest }) => {
        const { kind } = await removeRequest({ request_id: requestId });
        world.count(`removals_${kind}`);
        if (kind === "removed") history.removalAcknowledged(requestId);
      });
    },

    read(requestId: string, target: RequestsProcess): void {
      const isRemoved = history.isRemoved(requestId);
      asGateway(world, target, async ({ getRequest }) => {
        const { kind } = await getRequest({ request_id: requestId });
        if (isRemoved) history.removedWasRead(kind);
      });
    },

    cancelAll(target: RequestsProcess): void {
      const check = history.cancelling();
      asGateway(world, target, async ({ cancelMatching }) => {
        const { next, cancelled } = await cancelMatching({ filter: {}, limit: bulkMax, dry_run: false });
        world.count("cancelled_in_bulk", cancelled);
        if (next === undefined) check();
      });
    },
  };
}

export type Operators = ReturnType<typeof createOperators>;
