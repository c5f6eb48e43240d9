import { toJson } from "@sate/contracts";
import { Elysia } from "elysia";
import { jsonResponse } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";
import type { RouteParts } from "./parts.ts";

const sentence =
  "Sate stores processing requests, runs at most one execution of each at a time, and keeps the results.";

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
      return new Response(welcomePage(example), { headers: pageHeaders });
    },
    operation("system", {
      id: "welcome",
      scope: "none",
      summary: "Get an overview of the API",
      description: "JSON, or an HTML page for clients that prefer text/html.",
      responses: { 200: ["What this is and where to go.", "Welcome"] },
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
  `curl -s '${base}/requests'${hasKeys ? keyHeader : ""} -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{"payload": {"message": "ping"}, "execute": true}'`;

const welcome = (uris: Uris, example: string) =>
  toJson({
    name: "Sate",
    description: sentence,
    requests_uri: uris.requests(),
    documentation_uri: uris.at("/swagger"),
    openapi_uri: uris.at("/swagger/json"),
    ready_uri: uris.at("/ready"),
    try: example,
  });

/** The page of `GET /`: plain HTML that needs nothing but itself. Its links are relative, so they hold behind a prefix. */
function welcomePage(tryIt: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sate</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
pre { background: #8881; padding: 1rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; } a { color: #8ab4f8; } }
</style>
</head>
<body>
<h1>Sate</h1>
<p>${escapeHtml(sentence)}</p>
<p>Try it:</p>
<pre>${escapeHtml(tryIt)}</pre>
<ul>
<li><a href="swagger">Every route, with examples</a> (<a href="swagger/json">OpenAPI</a>)</li>
<li><a href="requests">The newest requests</a></li>
<li><a href="ready">Is it ready?</a> · <a href="metrics">Metrics</a></li>
</ul>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

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
