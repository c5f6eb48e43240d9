import { limits, oneLine, type Replay } from "@sate/contracts";
import { refusalOf } from "../executions/create.ts";
import { unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import type { Uris } from "../http/uris.ts";

/** Replays that have done something, or would. */
type Done = Extract<Replay, { kind: "started" | "published" | "possible" }>;

/** Why a dead letter was not replayed, with a link to what the client needs next. */
export function whyNotReplayed(uris: Uris, replay: Exclude<Replay, Done>): Refusal {
  switch (replay.kind) {
    case "replayed": {
      const { request_id, id } = replay.execution;
      return new Refusal(
        "dead-letter-replayed",
        "This dead letter was replayed before, so replaying it again has no effect. See `execution_uri` for the execution that it started.",
        {
          execution_uri: uris.execution(request_id, id),
          results_uri: uris.executionResults(request_id, id),
        },
      );
    }
    case "unknown_dead_letter":
      return unknownId(replay.kind);
    case "refused": {
      const { request_id, refusal } = replay;
      return refusal.kind === "exhausted"
        ? tooManyExecutions(uris, request_id)
        : refusalOf(uris, request_id, refusal);
    }
    case "cut":
      return notReplayable(
        `A part of this record is missing, so it cannot be published to its topic again. ${oneLine(replay.cut)}`,
      );
    case "no_stored_topics":
      return notReplayable(
        "This record could not be read, and this server stores no topics to which it could be published again. Nothing depends on the record: what it announced is in the database, and is published again if necessary.",
      );
    case "no_origin":
      return notReplayable(
        "This record does not say which processing request it is about, or from which topic it comes, so there is nothing to replay. Look at its value.",
      );
    case "too_large":
      return notReplayable("This record is too large for its topic, so it cannot be published there again.");
  }
}

/** For a dry run, which starts no execution that the refusal could link to. */
export function wouldBeSecond(): Refusal {
  return new Refusal(
    "execution-active",
    "This replay would start an execution for a newer dead letter of the same processing request first, and only one may be active at a time. Replay this dead letter later, if that execution does not succeed.",
  );
}

function notReplayable(detail: string): Refusal {
  return new Refusal("dead-letter-not-replayable", detail);
}

function tooManyExecutions(uris: Uris, requestId: string): Refusal {
  return new Refusal(
    "failures-exhausted",
    `This processing request has had ${limits.attemptMax} executions, which is the maximum. Create a new request.`,
    { results_uri: uris.requestResults(requestId) },
  );
}
