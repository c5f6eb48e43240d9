import { jsonObject, toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import { jsonResponse } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import { jsonResponseOf } from "../openapi/responses.ts";
import type { RouteParts } from "../routes/parts.ts";
import { welcomePage } from "./page.ts";

export const sentence =
  "Sate stores processing requests, executes them, never one twice at the same time, and keeps the results.";

/** The default port, which is also the one that clients of a container see. */
const portDefault = 5003;

/** `GET /`: what this is and where to go, as JSON, or as a page for browsers. */
export function welcomeRoutes({ operation, access, uris }: RouteParts) {
  return new Elysia({ normalize: false, strictPath: true }).get(
    "/",
    ({ request, server }) => {
      const base = uris.at("") || addressOf(server?.hostname, server?.port);
      const example = tryIt(base, access.hasKeys);
      const accept = request.headers.get("accept") ?? "";
      if (!prefersHtml(accept)) return jsonResponse(200, welcome(uris, example), { vary: "accept" });
      return new Response(welcomePage({ sentence, tryIt: example }), { headers: pageHeaders });
    },
    operation({
      id: "welcome",
      scope: "none",
      tag: "system",
      summary: "Get an overview of the API",
      description: "JSON, or an HTML page for clients that prefer text/html.",
      responses: { 200: jsonResponseOf("What this is and where to go.", "Welcome") },
    }),
  );
}

/** The address under which a client on the same machine reaches this server. It repeats nothing that clients send. */
export function addressOf(hostname = "127.0.0.1", port = portDefault): string {
  const isAny = hostname === "0.0.0.0" || hostname === "::";
  const host = isAny ? "127.0.0.1" : hostname;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const keyHeader = " -H 'Authorization: Bearer <your API key>'";
const tryIt = (base: string, hasKeys: boolean) =>
  `curl -s '${base}/requests'${hasKeys ? keyHeader : ""} -H 'Content-Type: application/json' -d '{"payload": {"message": "ping"}}'`;

const welcome = (uris: Uris, example: string) =>
  jsonObject({
    name: toJson("Sate"),
    description: toJson(sentence),
    requests_uri: toJson(uris.requests()),
    documentation_uri: toJson(uris.at("/swagger")),
    openapi_uri: toJson(uris.at("/swagger/json")),
    ready_uri: toJson(uris.at("/ready")),
    try: toJson(example),
  });

/** The page has no script, and nothing of it comes from elsewhere. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  vary: "accept",
};

/** Whether HTML is wanted more than JSON. https://www.rfc-editor.org/rfc/rfc9110#name-accept */
export function prefersHtml(accept: string): boolean {
  const qualities = new Map<string, number>();
  for (const range of accept.toLowerCase().split(",").slice(0, 50)) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    qualities.set(type, quality === undefined ? 1 : Number(quality.slice(2)) || 0);
  }
  const html = qualities.get("text/html") ?? 0;
  const json =
    qualities.get("application/json") ?? qualities.get("application/*") ?? qualities.get("*/*") ?? 0;
  return html > json;
}
