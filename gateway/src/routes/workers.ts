import {
  ClaimRuns,
  FinishRun,
  jsonObject,
  limits,
  RegisterWorker,
  type Run,
  toJson,
  WorkerHeartbeat,
} from "@sate/contracts";
import { Elysia } from "elysia";
import { NoBody, WorkerPath } from "../http/parameters.ts";
import { claimedView, jsonResponse } from "../http/render.ts";
import { createClaimRuns } from "../workers/claim.ts";
import { createFinishRun } from "../workers/finish.ts";
import { createHeartbeat } from "../workers/heartbeat.ts";
import { workerIdOf } from "../workers/ids.ts";
import { createLiveWorkers } from "../workers/live-worker.ts";
import { createRegister } from "../workers/register.ts";
import type { RouteParts } from "./parts.ts";

/** Longer than a claim may wait. */
const claimIdleSeconds = 60;
/** The fields of the body besides `outputs`. */
const envelopeBytesMax = 4_096;

/** Remote workers: programs of users that claim, run and finish executions over the REST API. */
export function workerRoutes(parts: RouteParts) {
  const liveWorkers = createLiveWorkers(parts);
  const withWorkers = { ...parts, liveWorkers };
  return new Elysia({ normalize: false, strictPath: true })
    .use(lifeRoutes(parts))
    .use(claimRoute(withWorkers))
    .use(finishRoute(withWorkers));
}

/** The id of the worker of a request, as requests-service knows it, and the key of the request. */
function callerOf({ access }: RouteParts, request: Request, publicId: string) {
  const key = access.keyOf(request);
  return { key, workerId: workerIdOf(key?.name, publicId) };
}

function lifeRoutes(parts: RouteParts) {
  const { operation, ingress, access, requests } = parts;
  const register = createRegister(parts);
  const heartbeat = createHeartbeat(parts);
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/workers",
      ({ request, body }) =>
        ingress.serve(request, "work", async () =>
          jsonResponse(201, toJson(await register(body, access.keyOf(request)))),
        ),
      operation("workers", {
        body: RegisterWorker,
        id: "registerWorker",
        scope: "work",
        summary: "Register a worker and announce the processors that it serves",
        description:
          "The worker then claims runs, sends a heartbeat every `heartbeat_seconds`, even while a claim is waiting, and finishes the runs. Only the API key that registered the worker can use its id. A key with the scope `work:<processor>` may serve only that processor.",
        responses: { 201: ["The worker was registered.", "RegisteredWorker"] },
      }),
    )
    .post(
      "/workers/:worker_id/heartbeat",
      ({ request, params: { worker_id }, body }) =>
        ingress.serve(request, "work", async () => {
          const { workerId } = callerOf(parts, request, worker_id);
          return jsonResponse(200, toJson(await heartbeat(workerId, body)));
        }),
      operation("workers", {
        params: WorkerPath,
        body: WorkerHeartbeat,
        id: "heartbeat",
        scope: "work",
        summary: "Renew the lease of a worker",
        description:
          "Send a heartbeat every `heartbeat_seconds`, one at a time, and start no new claim while a heartbeat is unanswered. A heartbeat lists all unfinished runs of the worker; runs of earlier claims that it does not list are requeued.",
        responses: {
          200: ["The runs to cancel, and the runs that the worker no longer holds.", "HeartbeatResponse"],
        },
      }),
    )
    .delete(
      "/workers/:worker_id",
      ({ request, params: { worker_id } }) =>
        ingress.serve(request, "work", async () => {
          await requests.endWorker({ worker_id: callerOf(parts, request, worker_id).workerId });
          return new Response(null, { status: 204 });
        }),
      operation("workers", {
        params: WorkerPath,
        body: NoBody,
        id: "endWorker",
        scope: "work",
        summary: "End a worker",
        description: "Requeues the runs that it still holds. Safe to repeat.",
        responses: { 204: { description: "The worker was ended." } },
      }),
    );
}

function claimRoute(parts: RouteParts & { liveWorkers: ReturnType<typeof createLiveWorkers> }) {
  const claimRuns = createClaimRuns(parts);
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/workers/:worker_id/claims",
    async ({ request, server, params: { worker_id }, body }) => {
      server?.timeout(request, claimIdleSeconds);
      const runs = await claimRuns({ request, ...callerOf(parts, request, worker_id), body });
      return runs.length === 0 ? new Response(null, { status: 204 }) : claimed(runs);
    },
    parts.operation("workers", {
      params: WorkerPath,
      body: ClaimRuns,
      id: "claimRuns",
      scope: "work",
      summary: "Claim queued executions",
      description:
        "Waits up to `wait_seconds` if nothing is queued. Repeating a claim with the same `claim_id` returns the same runs, so repeat a claim that got no response. A claim also renews the lease.",
      responses: {
        200: ["The claimed runs, which the worker now holds.", "ClaimedRuns"],
        204: { description: "Nothing is queued." },
      },
    }),
  );
}

const claimed = (runs: Run[]) =>
  jsonResponse(200, jsonObject({ runs: `[${runs.map(claimedView).join(",")}]` }));

function finishRoute(parts: RouteParts & { liveWorkers: ReturnType<typeof createLiveWorkers> }) {
  const { operation, ingress } = parts;
  const finishRun = createFinishRun(parts);
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/workers/:worker_id/finish",
    ({ request, params: { worker_id }, body }) =>
      ingress.serve(request, "work", async () => {
        const { workerId, key } = callerOf(parts, request, worker_id);
        return jsonResponse(200, toJson({ status: await finishRun(workerId, key, body) }));
      }),
    operation("workers", {
      params: WorkerPath,
      body: FinishRun,
      bodyBytesLeast: limits.outputsBytesMax + envelopeBytesMax,
      id: "finishRun",
      scope: "work",
      summary: "Finish a run",
      description:
        "A run with `outputs` has succeeded, one with `error` has failed. If the processor has retries and a try is left, the execution is tried again after a pause, unless `retryable` is false. Safe to repeat until there is a response.",
      responses: { 200: ["Whether the outcome was stored.", "FinishResponse"] },
    }),
  );
}
