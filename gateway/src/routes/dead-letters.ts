import { ReplayDeadLetters, toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import { pathOf } from "../access/authorize.ts";
import { whyNotReplayed } from "../dead-letters/explain.ts";
import { cursorOf, idOf, positionOf, publicIdOf } from "../dead-letters/public-id.ts";
import { createReplays } from "../dead-letters/replay.ts";
import { deadLetterView, wholeDeadLetterView } from "../dead-letters/view.ts";
import { replayed } from "../http/idempotency-key.ts";
import { DeadLetterPath, deadLetterPageQuery, NoBody, unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { rangeOf } from "../http/range.ts";
import { jsonResponse, pageResponse } from "../http/render.ts";
import type { RouteParts } from "./parts.ts";

/** Dead letters: list, read, replay one or many. */
export function deadLetterRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).use(reading(parts)).use(replaying(parts));
}

function reading(parts: RouteParts) {
  const { operation, ingress, results, uris } = parts;
  const replays = createReplays(parts);
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/dead-letters",
      ({ request, query: { limit, cursor, since, until, ...filter } }) =>
        ingress.serve(request, "deadLetters", async () => {
          const range = rangeOf({ since, until }, (field, detail) => {
            return new Refusal("invalid-parameter", detail, { field });
          });
          const page = await results.listDeadLetters({
            ...{ limit, ...filter, ...range },
            ...(cursor && { before: positionOf(cursor) }),
          });
          const entries = page.dead_letters.map((entry) => deadLetterView(uris, entry));
          if (page.next === undefined) return pageResponse("dead_letters", entries);
          const given = { ...filter, ...(since && { since }), ...(until && { until }) };
          const next = new URLSearchParams({ ...given, limit: String(limit), cursor: cursorOf(page.next) });
          return pageResponse("dead_letters", entries, `${uris.deadLetters()}?${next}`);
        }),
      operation("dead-letters", {
        query: deadLetterPageQuery,
        id: "listDeadLetters",
        scope: "read",
        summary: "List dead letters, newest first",
        description:
          "Only those that match all parameters. A page examines a limited number of entries, so it may have fewer than `limit` or none; while there are more, it has a `next_uri`.",
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
          "With its bytes: as JSON if they are JSON, as text if they are UTF-8, or in base64. Up to 8 MiB of a value, 1 MiB of a key and 4 MiB of headers are stored; `cut` says what is missing.",
        responses: { 200: ["The dead letter.", "DeadLetter"] },
      }),
    );
}

function replaying(parts: RouteParts) {
  const { operation, ingress, uris } = parts;
  const replays = createReplays(parts);
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
          "That of an execution, or of a refused attempt, starts another execution of its request, whatever the number of failures; success stays final, and at most one execution is active. The same dead letter starts at most one execution, however often it is replayed. An unreadable record is returned to its topic, byte for byte, each time; a record of which a part is missing is not.",
        responses: {
          200: ["An earlier call has replayed it. This one had no effect.", "ReplayedDeadLetter"],
          201: ["An execution was accepted.", "ReplayedDeadLetter", "The URI of the execution."],
          202: ["The record is in its topic again.", "ReplayedDeadLetter"],
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
          const failed = {
            ...{ method: request.method, path: pathOf(request) },
            request_id: String(set.headers["x-request-id"]),
          };
          return jsonResponse(200, toJson(await replays.many(body, request, failed)));
        }),
      operation("dead-letters", {
        body: ReplayDeadLetters,
        id: "replayDeadLetters",
        scope: "admin",
        summary: "Replay the dead letters that match a filter, newest first",
        description:
          "Each as if it was replayed alone. Repeat the call with `next` as `cursor` until there is none. A call may stop before its limit, so that it ends in time. A dry run says what would be done: of several dead letters of one request it counts one.",
        responses: { 200: ["What was done.", "ReplayedDeadLetters"] },
        problems: ["dead-letter-replayed"],
      }),
    );
}
