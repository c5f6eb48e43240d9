import { type DeadLetterEntry, limits, type Replay, type ReplayDeadLetters } from "@sate/contracts";
import { inParts } from "@sate/contracts/runtime";
import { bulkOf } from "../http/bulk.ts";
import { createProblemOf, type Failed, type Refusal } from "../http/problem-response.ts";
import { traceOf } from "../http/traceparent.ts";
import type { Uris } from "../http/uris.ts";
import type { Ports } from "../ports.ts";
import { whyNotReplayed, wouldBeSecond } from "./explain.ts";
import { cursorOf, positionOf, publicIdOf } from "./public-id.ts";

/** A call that replays many stops after this time, and says where to continue: the deadline of a response is near. */
const bulkMsMax = 4_000;

type ReplayParts = Pick<Ports, "requests" | "results" | "monotonic" | "newId" | "log" | "counters"> & {
  uris: Uris;
};

/** Creates the functions that replay dead letters: one, and those that match a filter. */
export function createReplays(parts: ReplayParts) {
  const { requests, results, monotonic, newId, counters, uris } = parts;
  const problemOf = createProblemOf(parts);

  async function replayAll(
    deadLetters: Pick<DeadLetterEntry, "id" | "request_id">[],
    { dry_run, headers }: { dry_run: boolean; headers: Headers },
  ): Promise<Replay[]> {
    const dead_letters = deadLetters.map(({ id, request_id }) => ({
      ...{ id, execution_id: newId() },
      ...(request_id !== undefined && { request_id }),
    }));
    const traceparent = traceOf(headers, newId);
    return (await requests.replayDeadLetters({ dead_letters, dry_run, traceparent })).answers;
  }

  async function one(
    deadLetter: Pick<DeadLetterEntry, "id" | "request_id">,
    options: { dry_run: boolean; headers: Headers },
  ): Promise<Replay> {
    const [replay] = await replayAll([deadLetter], options);
    if (replay === undefined) throw new Error("the replay of a dead letter has no result");
    if (replay.kind === "started" || replay.kind === "published") counters.add("dead_letters_replayed");
    return replay;
  }

  /** One page, newest first. Of several dead letters of one request a dry run skips all but the first, as a replay would. */
  async function many(body: ReplayDeadLetters, { headers }: Request, failed: Failed) {
    const { limit, dry_run, cursor, since, until } = bulkOf(body);
    const { reason, processor } = body.filter;
    const page = await results.listDeadLetters({
      limit,
      ...(reason !== undefined && { reason }),
      ...(processor !== undefined && { processor }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(cursor !== undefined && { before: positionOf(cursor) }),
    });
    const endAt = monotonic() + bulkMsMax;
    const wouldBeActive = new Set<string>();
    const refusalOf = (replay: Replay, request_id = ""): Refusal | null => {
      if (replay.kind === "started" || replay.kind === "published") return null;
      if (replay.kind !== "possible") return whyNotReplayed(uris, replay);
      if (wouldBeActive.has(request_id)) return wouldBeSecond();
      if (request_id !== "") wouldBeActive.add(request_id);
      return null;
    };
    const skipped: { id: string; problem: object }[] = [];
    let [matched, replayed, next] = [0, 0, page.next];
    for (const part of inParts(page.dead_letters, { itemsMax: limits.replaysMax })) {
      if (monotonic() > endAt) break;
      const replays = await replayAll(part, { dry_run, headers });
      for (const [place, replay] of replays.entries()) {
        const { id, request_id, time } = part[place] as DeadLetterEntry;
        matched++;
        next = matched < page.dead_letters.length ? { time, id } : page.next;
        const refusal = refusalOf(replay, request_id);
        if (refusal === null) replayed++;
        else skipped.push({ id: publicIdOf(id), problem: problemOf(refusal, failed).body });
      }
    }
    if (!dry_run) counters.add("dead_letters_replayed", replayed);
    counters.add("dead_letters_skipped", skipped.length);
    return { matched, replayed, skipped, ...(next && { next: cursorOf(next) }) };
  }

  return { one, many };
}
