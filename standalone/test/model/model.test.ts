import { describe, expect, test } from "bun:test";
import { bugs } from "./bugs.ts";
import { openDatabases } from "./databases.ts";
import { planOf } from "./plan.ts";
import { search } from "./search.ts";
import { live } from "./world.ts";

/**
 * As many histories as fit into `MODEL_SECONDS`, and at least `enough`, from seed 1 on. `MODEL_SEED=7` repeats one. Seeds
 * that failed once stay here.
 */
const failedOnce = [637, 6514];
function* seeds(): Generator<number> {
  if (Bun.env.MODEL_SEED) return void (yield Number(Bun.env.MODEL_SEED));
  yield* failedOnce;
  for (let seed = 1; ; seed++) yield seed;
}
const budgetMs = Number(Bun.env.MODEL_SECONDS ?? 30) * 1_000;
const steps = 200;
/** Histories after which everything in `sometimes` must have happened. */
const enough = 100;

/** A model in which these never happen proves nothing. */
const sometimes = [
  "batches_refused",
  "cancelled_in_bulk",
  "claims_refused",
  "claims_unanswered",
  "commits_lost",
  "commits_refused",
  "cut",
  "dead_letters",
  "dead_letters_of_removed",
  "dead_letters_removed",
  "dead_letters_replayed",
  "executions_emptied",
  "finishes_dropped",
  "finishes_fenced",
  "frozen",
  "frozen_longer_than_lease",
  "killed_listener",
  "killed_processor",
  "killed_requests",
  "outbox_left_to_sweep",
  "outbox_swept",
  "outcomes_lost",
  "outcomes_published_again",
  "refused_already-succeeded",
  "refused_execution-active",
  "refused_failures-exhausted",
  "refused_request-removed",
  "removals_active",
  "removals_removed",
  "removals_removing",
  "replays_replayed",
  "replays_started",
  "requests_removed",
  "results_confirmed",
  "results_of_removed",
  "results_repeated",
  "retries_refused",
  "runs_ended_cancelled",
  "runs_handed_back",
  "runs_lost",
  "runs_overdue",
  "runs_retried",
  "schedules_fired",
  "stopped",
  "waiting_ended",
  "waiting_woken",
  "wake_ups_lost",
  "wake_ups_skipped",
  "webhook_deliveries_created",
  "webhook_deliveries_left_to_confirmation",
  "webhooks_received",
  "workers_given_up",
];

describe("the model", () => {
  test(
    "whatever happens in whatever order, every promise is kept",
    () => {
      const run = search({ seeds: seeds(), steps, budgetMs, least: enough, databases: openDatabases() });
      const { counts, failure, summary } = run;
      console.log(`model: ${summary}`);
      expect(failure).toBeUndefined();
      if (Bun.env.MODEL_SEED) return;
      expect(sometimes.filter((name) => !counts[name])).toEqual([]);
    },
    budgetMs + 600_000,
  );

  test("the same seed gives the same history", () => {
    const databases = openDatabases();
    const once = () => {
      const outcome = live(11, planOf(11, steps), databases);
      return [outcome, databases.db.query("SELECT * FROM executions").all()];
    };
    expect(once()).toEqual(once());
  });
});

describe("the model is not blind", () => {
  /** Histories within which every planted bug must be found. */
  const within = Array.from({ length: 1_500 }, (_, index) => index + 1);

  for (const [name, bug] of Object.entries(bugs)) {
    test(`it catches ${name}`, () => {
      const databases = openDatabases(bug.schemaWithout);
      const { failure } = search({ seeds: within, steps, databases, bug, isShrunk: false });
      expect(failure).toStartWith("seed ");
    }, 300_000);
  }

  test("a failure is shrunk to the few steps that it takes, and names its seed", () => {
    const databases = openDatabases(bugs["no unique key on the attempt"]?.schemaWithout);
    const { failure } = search({ seeds: [3], steps, databases });
    expect(failure).toStartWith("seed 3: ");
    expect(Number(/(\d+) of 200 steps are enough/.exec(failure ?? "")?.[1])).toBeLessThan(15);
  }, 60_000);
});
