import { type AnyElysia, Elysia } from "elysia";
import { jsonResponse } from "../http/render.ts";
import { type DocumentParts, openApiDocument } from "../openapi/document.ts";
import type { Operation } from "./operation.ts";

type SwaggerRoutesParts = {
  operation: Operation;
  document: DocumentParts;
  /** The routes that the document describes. */
  documented: AnyElysia[];
};

/** Everything comes from this server, and no script is inline. Swagger UI's icons are data URLs. */
const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** Its links are relative to /swagger, so they work behind any prefix. */
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
<main id="reference"><noscript>This page needs JavaScript. The <a href="swagger/json">OpenAPI document</a> does not.</noscript></main>
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

/** The API reference: a page of Swagger UI, served from its package, and the OpenAPI document. Public. */
export function swaggerRoutes({ operation, document, documented }: SwaggerRoutesParts) {
  let text: Promise<string> | undefined;
  const routes = new Elysia({ normalize: false, strictPath: true });
  /** None of these is in the document itself. */
  const serve = (path: string, get: () => Response | Promise<Response>) =>
    routes.get(path, get, operation("system", { id: path, scope: "none", summary: "", responses: {} }));
  const asset = (path: string, contentType: string, body: () => Blob | string) =>
    serve(path, () => new Response(body(), { headers: { ...assetHeaders, "content-type": contentType } }));

  serve("/swagger", () => new Response(page, { headers: pageHeaders }));
  serve("/swagger/json", async () => {
    text ??= openApiDocument(documented, document);
    return jsonResponse(200, await text);
  });
  asset("/swagger/swagger-ui.css", "text/css; charset=utf-8", () => packaged("swagger-ui.css"));
  asset("/swagger/swagger-ui-bundle.js", scriptType, () => packaged("swagger-ui-bundle.js"));
  asset("/swagger/start.js", scriptType, () => startScript);
  return routes;
}

const packaged = (name: string) => Bun.file(new URL(import.meta.resolve(`swagger-ui-dist/${name}`)));
