import { CreateSchedule, limits } from "@sate/contracts";
import { Elysia } from "elysia";
import { allows } from "../access/api-keys.ts";
import { NoBody, SchedulePath, schedulePageQuery, unknownId } from "../http/parameters.ts";
import { jsonResponse, pageResponse } from "../http/render.ts";
import { createCreateSchedule } from "../schedules/create.ts";
import { scheduleView } from "../schedules/render.ts";
import type { RouteParts } from "./parts.ts";

/** Its payload may be nested as deeply as that of a request. */
const nestingMax = limits.nestingMax + 1;

/** Schedules: create, list, read, pause, resume, delete. A key sees those that it created, `admin` all. */
export function scheduleRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).use(all(parts)).use(single(parts));
}

/** Whose schedules the request may see, as the internal API wants it: of one owner, or of all. */
function visibleTo(access: RouteParts["access"], request: Request): { owner?: string } {
  const key = access.keyOf(request);
  return key && !allows(key, "admin") ? { owner: key.name } : {};
}

function all(parts: RouteParts) {
  const { operation, ingress, access, requests, uris } = parts;
  const createSchedule = createCreateSchedule(parts);
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/schedules",
      ({ request, body }) =>
        ingress.serve(request, "create", async () => {
          const schedule = await createSchedule(body, access.keyOf(request)?.name);
          const location = uris.schedule(schedule.id);
          return jsonResponse(201, scheduleView(uris, schedule), { location });
        }),
      operation("schedules", {
        body: CreateSchedule,
        nestingMax,
        id: "createSchedule",
        scope: "submit",
        summary: "Create a schedule",
        description:
          "At each scheduled time, Sate creates and executes one processing request with this payload, however many " +
          "servers run. The request has the label `sate.schedule` with the id of the schedule. A firing does not wait " +
          "for the execution of the previous one. Where clocks are set forward, the skipped local times fire once, " +
          "later by the length of the change; where clocks are set back, a repeated local time fires at its first " +
          "occurrence. An expression with every hour or every minute fires at each one that passes.",
        responses: { 201: ["The schedule was stored durably.", "Schedule", "The URI of the schedule."] },
        problems: ["unknown-processor", "invalid-payload", "too-many-schedules"],
      }),
    )
    .get(
      "/schedules",
      ({ request, query: { limit, cursor } }) =>
        ingress.serve(request, "readRequests", async () => {
          const before = cursor ? { before: cursor } : {};
          const page = await requests.listSchedules({ ...visibleTo(access, request), limit, ...before });
          const next = uris.next(uris.schedules(), limit, page.more, page.schedules.at(-1)?.id);
          const entries = page.schedules.map((schedule) => scheduleView(uris, schedule));
          return pageResponse("schedules", entries, next);
        }),
      operation("schedules", {
        query: schedulePageQuery,
        id: "listSchedules",
        scope: "submit",
        summary: "List schedules, newest first",
        description:
          "Lists the schedules that the API key created; with the scope `admin`, all. Payloads are left out.",
        responses: { 200: ["A page of schedules.", "SchedulePage"] },
      }),
    );
}

function single({ operation, ingress, access, requests, uris }: RouteParts) {
  /** Calls an operation that returns one schedule, and responds with it. */
  const serve = (name: "getSchedule" | "pauseSchedule" | "resumeSchedule", request: Request, id: string) =>
    ingress.serve(request, "readRequests", async () => {
      const found = await requests[name]({ schedule_id: id, ...visibleTo(access, request) });
      if (found.kind !== "found") throw unknownId(found.kind);
      return jsonResponse(200, scheduleView(uris, found.schedule));
    });
  const shared = { params: SchedulePath, scope: "submit" } as const;
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/schedules/:schedule_id",
      ({ request, params }) => serve("getSchedule", request, params.schedule_id),
      operation("schedules", {
        ...shared,
        id: "getSchedule",
        summary: "Get a schedule, its next firings and the last one",
        responses: { 200: ["The schedule.", "Schedule"] },
      }),
    )
    .post(
      "/schedules/:schedule_id/pause",
      ({ request, params }) => serve("pauseSchedule", request, params.schedule_id),
      operation("schedules", {
        ...shared,
        body: NoBody,
        id: "pauseSchedule",
        summary: "Pause a schedule",
        description:
          "A firing that is due before the response may still happen; no later one does. Safe to repeat.",
        responses: { 200: ["The schedule is paused.", "Schedule"] },
      }),
    )
    .post(
      "/schedules/:schedule_id/resume",
      ({ request, params }) => serve("resumeSchedule", request, params.schedule_id),
      operation("schedules", {
        ...shared,
        body: NoBody,
        id: "resumeSchedule",
        summary: "Resume a schedule",
        description:
          "Firings missed during the pause are skipped; with `missed: last`, the latest of them happens now. Safe to repeat.",
        responses: { 200: ["The schedule is active.", "Schedule"] },
      }),
    )
    .delete(
      "/schedules/:schedule_id",
      ({ request, params: { schedule_id } }) =>
        ingress.serve(request, "readRequests", async () => {
          const ref = { schedule_id, ...visibleTo(access, request) };
          const found = await requests.getSchedule(ref);
          if (found.kind !== "found") throw unknownId(found.kind);
          // The result is ignored: if the call had no response and was retried, the retry finds nothing to delete.
          await requests.deleteSchedule(ref);
          return new Response(null, { status: 204 });
        }),
      operation("schedules", {
        ...shared,
        body: NoBody,
        id: "deleteSchedule",
        summary: "Delete a schedule",
        description:
          "The requests that it created stay. A firing that is due before the response may still happen; no later one does.",
        responses: { 204: { description: "The schedule was deleted." } },
      }),
    );
}
