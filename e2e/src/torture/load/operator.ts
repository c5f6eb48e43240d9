import type { DeadLetterSummary } from "@sate/contracts";
import { periodic } from "@sate/contracts/runtime";
import type { Static } from "@sinclair/typebox";
import type { History, RecordingClient } from "../../clients/history.ts";
import type { Journal } from "../evidence/journal.ts";
import type { Random } from "../random.ts";
import { removingClient } from "./removing.ts";

/** Executions of requests with this label are cancelled, all at once. */
export const cancelled = { name: "torture", value: "cancelled" };

const pauseMs = 2_000;
const bulkMax = 5;

/** An operator who replays dead letters, single and in bulk, cancels in bulk, and asks for removed requests. */
export function startOperator(
  api: RecordingClient,
  options: { random: Random; history: History; journal: Journal; signal: AbortSignal },
) {
  const { random, history, journal } = options;
  const since = new Date().toISOString();
  const { revisit } = removingClient(api, options);
  const post = (path: string, body?: object) => api.ask("POST", path, JSON.stringify(body));

  /** Two callers replay the same dead letter at once. */
  async function replayOne(): Promise<void> {
    const reason = random.pick(["unexpected_error", "max_failures"]);
    const page = await api.ask("GET", `/dead-letters?reason=${reason}&limit=20`);
    const { dead_letters = [] } = (page?.json ?? {}) as { dead_letters?: Static<typeof DeadLetterSummary>[] };
    if (dead_letters.length === 0) return;
    const { id, request_id: requestId = "" } = random.pick(dead_letters);
    const replay = async () => {
      const answer = await post(`/dead-letters/${id}/replay`);
      if (answer === null || answer.status >= 300) return;
      const { execution_id: executionId } = answer.json as unknown as { execution_id: string };
      journal.replays.push({ deadLetterId: id, executionId });
      if (answer.status === 201) history.executions.push({ requestId, executionId, forceError: false });
    };
    await Promise.all([replay(), replay()]);
  }

  const acts: (() => Promise<unknown>)[] = [
    replayOne,
    () => {
      const filter = { reason: "unexpected_error", processor: "trial-throwing", since };
      return post("/dead-letters/replay", { filter, limit: bulkMax, dry_run: random.next() < 0.3 });
    },
    () => post("/executions/cancel", { filter: { label: `${cancelled.name}:${cancelled.value}`, since } }),
    async () => {
      if (journal.removed.size > 0) await revisit(random.pick([...journal.removed.keys()]));
    },
  ];
  const acting = periodic({
    name: "operator",
    pauseMs,
    // What is unreachable or frozen is tried again later.
    work: async () =>
      void (await random
        .pick(acts)()
        .catch(() => {})),
    fatal() {},
  });
  acting.start();
  return () => acting.stop();
}
