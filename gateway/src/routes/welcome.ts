import { jsonObject, toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import { operations } from "../openapi.ts";
import { jsonAnswer } from "../views.ts";
import { welcomePage } from "../welcome-page.ts";

export const sentence =
  "Sate stores processing requests, executes them, never one twice at a time, and keeps the results.";
const tryIt = (port: number) =>
  `curl -s http://127.0.0.1:${port}/requests -H 'Content-Type: application/json' -d '{"payload": {"message": "ping"}}'`;

/** `GET /`: what this is and where to go, as JSON, or as a page for browsers. */
export function welcomeRoutes() {
  return new Elysia({ strictPath: true }).get(
    "/",
    ({ request, server }) => {
      const example = tryIt(server?.port ?? portDefault);
      const accept = request.headers.get("accept") ?? "";
      if (!prefersHtml(accept)) return jsonAnswer(200, welcome(example), { vary: "accept" });
      return new Response(welcomePage({ sentence, tryIt: example }), { headers: pageHeaders });
    },
    { detail: operations.welcome },
  );
}

/** Where it listens when nobody says otherwise, and as the world sees it from outside a container. */
const portDefault = 5003;

const welcome = (example: string) =>
  jsonObject({
    name: toJson("Sate"),
    description: toJson(sentence),
    requests_uri: toJson("/requests"),
    documentation_uri: toJson("/swagger"),
    openapi_uri: toJson("/swagger/json"),
    ready_uri: toJson("/ready"),
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
