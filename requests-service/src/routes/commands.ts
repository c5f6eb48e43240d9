import { type RequestsApi, requestsApi } from "@sate/contracts";
import { Elysia } from "elysia";

/** Every operation of the contract's table as its route: none can be forgotten. */
export function commandRoutes(commands: RequestsApi) {
  const app = new Elysia({ normalize: false });
  for (const [name, { path, body }] of Object.entries(requestsApi)) {
    const command = commands[name as keyof RequestsApi] as (body: unknown) => Promise<unknown>;
    // Whatever its content type says: the body is JSON.
    app.post(path, ({ body }) => command(body), { body, parse: "json" });
  }
  return app;
}
