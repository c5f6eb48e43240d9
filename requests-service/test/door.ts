import { type Api, type ApiFunctions, requestsApi } from "@sate/contracts";
import type { Elysia } from "elysia";

export const serviceToken = "a-token-of-the-tests";

/** Asks a service through its front door. */
export function post(
  app: Pick<Elysia, "handle">,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> {
  const all = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json", ...headers };
  return app.handle(new Request(`http://localhost${path}`, { method: "POST", headers: all, body }));
}

/** The whole API over the front door; whatever is not a 200 is an error with the status in its message. */
export function clientOf(app: Pick<Elysia, "handle">): ApiFunctions<typeof requestsApi> {
  const operations = Object.entries(requestsApi satisfies Api).map(([name, { path }]) => [
    name,
    async (body: unknown) => {
      const response = await post(app, path, JSON.stringify(body));
      if (response.status !== 200) throw new Error(`${name}: ${response.status} ${await response.text()}`);
      return response.json();
    },
  ]);
  return Object.fromEntries(operations);
}
