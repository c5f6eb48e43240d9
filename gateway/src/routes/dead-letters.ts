import { ReplayDeadLetters, toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import { whyNotReplayed } from "../dead-letters/explain.ts";
import { cursorOf, idOf, positionOf, publicIdOf } from "../dead-letters/public-id.ts";
import { createReplays } from "../dead-letters/replay.ts";
import { deadLetterView, wholeDeadLetterView } from "../dead-letters/view.ts";
import { failedOf } from "../http/failed.ts";
import { replayed } from "../http/idempotency-key.ts";
import { DeadLetterPath, deadLetterPageQuery, invalid, NoBody, unknownId } from "../http/parameters.ts";
import { rangeOf } from "../http/range.ts";
import { jsonResponse, pageResponse } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Dead letters: list, read, replay one or many. */
export function deadLetterRoutes(parts: RouteParts) {
  const withReplays = { ...parts, replays: createReplays(parts) };
  return new Elysia({ normalize: false, strictPath: true })
    .use(reading(withReplays))
    .use(replaying(withReplays));
}

type WithReplays = RouteParts & { replays: ReturnType<typeof createReplays> };

function reading({ operation, ingress, results, uris, replays }: WithReplays) {
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/dead-letters",
      ({ request, query }) =>
        ingress.serve(request, "deadLetters", async () => {
          const { cursor, since, until, ...filter } = query;
          const page = await results.listDeadLetters({
            ...{ ...filter, ...rangeOf({ since, until }, invalid) },
            ...(cursor && { before: positionOf(cursor) }),
          });
          const entries = page.dead_letters.map((entry) => deadLetterView(uris, entry));
          const next = page.next && cursorOf(page.next);
          return pageResponse("dead_letters", entries, uris.nextOf(uris.deadLetters(), query, next));
        }),
      operation("dead-letters", {
        query: deadLetterPageQuery,
        id: "listDeadLetters",
        scope: "read",
        summary: "List dead letters, newest first",
        description:
          "A dead letter is listed if it matches all parameters. One page examines at most 1,000 entries, so it may have fewer entries than `limit`, even none, and still have a `next_uri`: follow it until there is none. The link keeps the filter.",
        responses: { 200: ["A page of dead letters, without their bytes.", "DeadLetterPage"] },
      }),
    )
    .get(
      "/dead-letters/:dead_letter_id",
      ({ request, params }) =>
        ingress.serve(request, "deadLetters", async () => {
          const found = await results.getDeadLetter({ id: idOf(params.dead_letter_id) });
          if (found.kind !== "found") throw unknownId(found.kind);
          const { dead_letter } = found;
          // Only of an execution is it known whether it was replayed: the execution that it started says so.
          const options = { dry_run: true, headers: request.headers };
          const replay =
            dead_letter.request_id === undefined ? undefined : await replays.one(dead_letter, options);
          const execution = replay?.kind === "replayed" ? replay.execution : undefined;
          return jsonResponse(200, wholeDeadLetterView(uris, dead_letter, execution));
        }),
      operation("dead-letters", {
        params: DeadLetterPath,
        id: "getDeadLetter",
        scope: "read",
        summary: "Get a dead letter",
        description:
          "The response contains the bytes: as JSON if they are JSON, as text if they are UTF-8, otherwise in base64. Up to 8 MiB of a value, 1 MiB of a key and 4 MiB of headers are stored; `cut` says what is missing.",
        responses: { 200: ["The dead letter.", "DeadLetter"] },
      }),
    );
}

function replaying({ operation, ingress, uris, replays }: WithReplays) {
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/dead-letters/:dead_letter_id/replay",
      ({ request, params }) =>
        ingress.serve(request, "deadLetters", async () => {
          const id = idOf(params.dead_letter_id);
          const replay = await replays.one({ id }, { dry_run: false, headers: request.headers });
          if (replay.kind === "published") {
            return jsonResponse(202, toJson({ id: publicIdOf(id), replayed: true, topic: replay.topic }));
          }
          if (replay.kind === "possible") throw new Error("a replay has had no effect");
          if (replay.kind !== "started" && replay.kind !== "replayed") throw whyNotReplayed(uris, replay);
          const { request_id, id: execution_id } = replay.execution;
          const isReplay = replay.kind === "replayed";
          const location = uris.execution(request_id, execution_id);
          const body = {
            ...{ id: publicIdOf(id), replayed: !isReplay, execution_id, execution_uri: location },
            results_uri: uris.executionResults(request_id, execution_id),
          };
          return jsonResponse(isReplay ? 200 : 201, toJson(body), { location, ...replayed(isReplay) });
        }),
      operation("dead-letters", {
        params: DeadLetterPath,
        body: NoBody,
        id: "replayDeadLetter",
        scope: "admin",
        summary: "Replay a dead letter",
        description:
          "The dead letter of an execution or of a refused attempt starts another execution of its request, whatever the number of failures. Success stays final, and at most one execution is active. One dead letter starts at most one execution, however often it is replayed. An unreadable record is published to its topic again, byte for byte, each time, unless a part of it is missing.",
        responses: {
          200: ["An earlier call replayed the dead letter. This call had no effect.", "ReplayedDeadLetter"],
          201: ["An execution was accepted.", "ReplayedDeadLetter", "The URI of the execution."],
          202: ["The record was published to its topic again.", "ReplayedDeadLetter"],
        },
        problems: [
          "dead-letter-not-replayable",
          "execution-active",
          "already-succeeded",
          "failures-exhausted",
          "unknown-processor",
          "request-not-found",
          "request-removed",
        ],
      }),
    )
    .post(
      "/dead-letters/replay",
      ({ request, body, set }) =>
        ingress.serve(request, "deadLetters", async () => {
          const failed = failedOf(request, set.headers);
          return jsonResponse(200, toJson(await replays.many(body, request, failed)));
        }),
      operation("dead-letters", {
        body: ReplayDeadLetters,
        id: "replayDeadLetters",
        scope: "admin",
        summary: "Replay the dead letters that match a filter, newest first",
        description:
          "Each is replayed as if alone. Repeat the call with `next` as `cursor` until there is none. A call may stop before its limit, so that it ends in time. A dry run changes nothing; of several dead letters of one request, it skips all but the first.",
        responses: { 200: ["What was done.", "ReplayedDeadLetters"] },
        problems: ["dead-letter-replayed"],
      }),
    );
}
