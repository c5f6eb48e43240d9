import { type AnyElysia, Elysia } from "elysia";
import { jsonResponse } from "../http/render.ts";
import { type DocumentParts, openApiDocument } from "../openapi/document.ts";
import { textResponseOf } from "../openapi/responses.ts";
import type { Operation } from "./operation.ts";

export type SwaggerRoutesParts = {
  operation: Operation;
  document: DocumentParts;
  /** The routes that the document describes. */
  documented: AnyElysia[];
};

/** Everything comes from this server, and no script is inline. Swagger UI has its icons as data. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** The addresses are relative to that of the page, /swagger, so the page works behind any prefix. */
const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sate: API reference</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="swagger/swagger-ui.css">
</head>
<body>
<main id="reference"><noscript>This page needs JavaScript. The same as <a href="swagger/json">OpenAPI</a>.</noscript></main>
<script src="swagger/swagger-ui-bundle.js"></script>
<script src="swagger/start.js"></script>
</body>
</html>
`;

const startScript =
  'SwaggerUIBundle({ url: "swagger/json", dom_id: "#reference", deepLinking: true, validatorUrl: null });\n';

const scriptType = "text/javascript; charset=utf-8";
/** They change only with a version of Sate. */
const assetHeaders = { "cache-control": "public, max-age=3600" };

const assetOf = (name: string) => Bun.file(new URL(import.meta.resolve(`swagger-ui-dist/${name}`)));

/** The API reference: a page of Swagger UI, served from its package, and the OpenAPI document. Public. */
export function swaggerRoutes({ operation, document, documented }: SwaggerRoutesParts) {
  let text: Promise<string> | undefined;
  const served = (id: string, summary: string, contentType: string) =>
    operation(
      {},
      {
        id,
        scope: "none",
        tag: "system",
        summary,
        responses: { 200: textResponseOf(summary, contentType) },
      },
    );
  return new Elysia({ normalize: false, strictPath: true })
    .get(
      "/swagger",
      () => new Response(page, { headers: pageHeaders }),
      served("reference", "The API reference", "text/html"),
    )
    .get(
      "/swagger/json",
      async () => {
        text ??= openApiDocument(documented, document);
        return jsonResponse(200, await text);
      },
      served("document", "The OpenAPI document", "application/json"),
    )
    .get(
      "/swagger/swagger-ui.css",
      () => asset("swagger-ui.css", "text/css; charset=utf-8"),
      served("styles", "Styles of the API reference", "text/css"),
    )
    .get(
      "/swagger/swagger-ui-bundle.js",
      () => asset("swagger-ui-bundle.js", scriptType),
      served("script", "Script of the API reference", "text/javascript"),
    )
    .get(
      "/swagger/start.js",
      () => new Response(startScript, { headers: { ...assetHeaders, "content-type": scriptType } }),
      served("start", "Start of the API reference", "text/javascript"),
    );
}

function asset(name: string, contentType: string): Response {
  return new Response(assetOf(name), { headers: { ...assetHeaders, "content-type": contentType } });
}
