import { CreateWebhook, limits, RotateSecret, toJson, type WebhookRecord } from "@sate/contracts";
import { Elysia } from "elysia";
import { NoBody, unknownId, WebhookPath } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { jsonResponse, pageResponse, webhookView } from "../http/render.ts";
import { newSecret } from "../webhooks/secret.ts";
import { receiverUrl } from "../webhooks/url.ts";
import type { RouteParts } from "./parts.ts";

/** Webhooks: subscriptions to the ends of executions. */
export function webhookRoutes(parts: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true })
    .use(createRoute(parts))
    .use(readRoutes(parts))
    .use(changeRoutes(parts))
    .use(rotateRoute(parts))
    .use(testRoute(parts));
}

type Answer = { kind: "found"; webhook: WebhookRecord } | { kind: "unknown_webhook" };

function foundOf(answer: Answer): WebhookRecord {
  if (answer.kind !== "found") throw unknownId(answer.kind);
  return answer.webhook;
}

function createRoute({ operation, ingress, requests, newId, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/webhooks",
    ({ request, body: { url, secret = newSecret(), ...filters } }) =>
      ingress.serve(request, "readRequests", async () => {
        const wanted = { id: newId(), url: receiverUrl(url), ...filters, secret, uri_base: uris.at("") };
        const created = await requests.createWebhook(wanted);
        if (created.kind === "too_many") throw tooMany();
        const location = uris.at(`/webhooks/${wanted.id}`);
        return jsonResponse(201, webhookView(created.webhook, secret), { location });
      }),
    operation("webhooks", {
      body: CreateWebhook,
      id: "createWebhook",
      scope: "admin",
      summary: "Create a webhook",
      description:
        "From now on Sate calls the receiver when executions end: a POST of a `WebhookMessage`, signed as in Standard Webhooks, at least once for each execution. Outcomes stored shortly before the creation, by default within a minute, may be delivered, too. Only a status of 2xx is success; a failed call is repeated for about 28 hours. Whether the address may be called is checked at each call, so send a test message. The response contains the secret; no later response does.",
      responses: { 201: ["The webhook was stored.", "WebhookWithSecret", "The URI of the webhook."] },
      problems: ["too-many-webhooks"],
    }),
  );
}

/** Calls an operation that returns one webhook, and responds with it. */
function serveOne({ ingress }: RouteParts, request: Request, call: () => Promise<Answer>): Promise<Response> {
  return ingress.serve(request, "readRequests", async () =>
    jsonResponse(200, webhookView(foundOf(await call()))),
  );
}

function readRoutes(parts: RouteParts) {
  const { operation, ingress, requests } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/webhooks",
      ({ request }) =>
        ingress.serve(request, "readRequests", async () => {
          const { webhooks } = await requests.listWebhooks({});
          return pageResponse(
            "webhooks",
            webhooks.map((webhook) => webhookView(webhook)),
          );
        }),
      operation("webhooks", {
        id: "listWebhooks",
        scope: "admin",
        summary: "List all webhooks, oldest first",
        responses: { 200: ["All webhooks, without their secrets.", "WebhookList"] },
      }),
    )
    .get(
      "/webhooks/:webhook_id",
      ({ request, params }) => serveOne(parts, request, () => parts.requests.getWebhook(params)),
      operation("webhooks", {
        params: WebhookPath,
        id: "getWebhook",
        scope: "admin",
        summary: "Get a webhook",
        responses: { 200: ["The webhook, without its secret.", "Webhook"] },
      }),
    );
}

function changeRoutes(parts: RouteParts) {
  const { operation, ingress, requests } = parts;
  return new Elysia({ normalize: false, strictPath: true })
    .post(
      "/webhooks/:webhook_id/pause",
      ({ request, params }) => serveOne(parts, request, () => parts.requests.pauseWebhook(params)),
      operation("webhooks", {
        params: WebhookPath,
        body: NoBody,
        id: "pauseWebhook",
        scope: "admin",
        summary: "Pause a webhook",
        description:
          "Executions that end during the pause are not delivered, not even later; only those that end shortly before the webhook is resumed, by default within a minute, may be. Deliveries that wait for another try end without a call.",
        responses: { 200: ["The webhook, paused.", "Webhook"] },
      }),
    )
    .post(
      "/webhooks/:webhook_id/resume",
      ({ request, params }) => serveOne(parts, request, () => parts.requests.resumeWebhook(params)),
      operation("webhooks", {
        params: WebhookPath,
        body: NoBody,
        id: "resumeWebhook",
        scope: "admin",
        summary: "Resume a webhook that is paused or disabled",
        responses: { 200: ["The webhook, neither paused nor disabled.", "Webhook"] },
      }),
    )
    .delete(
      "/webhooks/:webhook_id",
      ({ request, params }) =>
        ingress.serve(request, "readRequests", async () => {
          foundOf(await requests.getWebhook(params));
          // The result is ignored: if the call had no response and was retried, the retry finds nothing to delete.
          await requests.deleteWebhook(params);
          return new Response(null, { status: 204 });
        }),
      operation("webhooks", {
        params: WebhookPath,
        body: NoBody,
        id: "deleteWebhook",
        scope: "admin",
        summary: "Delete a webhook",
        description: "Deliveries that wait for another try end without a call.",
        responses: { 204: { description: "The webhook was deleted." } },
      }),
    );
}

function rotateRoute({ operation, ingress, requests }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/webhooks/:webhook_id/rotate",
    ({ request, params: { webhook_id }, body }) =>
      ingress.serve(request, "readRequests", async () => {
        const { secret = newSecret() } = body;
        const webhook = foundOf(await requests.rotateWebhookSecret({ webhook_id, secret }));
        return jsonResponse(200, webhookView(webhook, secret));
      }),
    operation("webhooks", {
      params: WebhookPath,
      body: RotateSecret,
      id: "rotateWebhookSecret",
      scope: "admin",
      summary: "Replace the signing secret of a webhook",
      description:
        "For 24 hours, calls are signed with both the new and the previous secret. The response contains the new secret; no later response does.",
      responses: { 200: ["The webhook, with its new secret.", "WebhookWithSecret"] },
    }),
  );
}

function testRoute({ operation, ingress, requests, newId, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).post(
    "/webhooks/:webhook_id/test",
    ({ request, params: { webhook_id } }) =>
      ingress.serve(request, "readRequests", async () => {
        const [request_id, execution_id] = [newId(), newId()];
        const { kind } = await requests.testWebhook({ webhook_id, request_id, execution_id });
        if (kind !== "created") throw unknownId(kind);
        const location = uris.execution(request_id, execution_id);
        const text = toJson({ webhook_message_id: request_id, execution_uri: location });
        return jsonResponse(201, text, { location });
      }),
    operation("webhooks", {
      params: WebhookPath,
      body: NoBody,
      id: "testWebhook",
      scope: "admin",
      summary: "Send a test message to the receiver of a webhook",
      description:
        "Delivers a message of the type `webhook.test`, with the tries of every delivery. Its execution says what happened.",
      responses: {
        201: ["The delivery was created.", "WebhookTest", "The URI of the execution that delivers it."],
      },
    }),
  );
}

function tooMany(): Refusal {
  return new Refusal(
    "too-many-webhooks",
    `There are ${limits.webhooksMax} webhooks, which is the maximum. Delete one that is no longer needed.`,
  );
}
