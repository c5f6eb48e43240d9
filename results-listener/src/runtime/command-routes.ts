import type { Api, ApiFunctions } from "@sate/contracts";
import { Elysia } from "elysia";

/** One route for each operation in the contract's table, so that none can be forgotten. */
export function commandRoutes<A extends Api>(api: A, commands: ApiFunctions<A>) {
  const app = new Elysia({ normalize: false });
  for (const [name, { path, body }] of Object.entries(api)) {
    const command = commands[name as keyof A] as (body: unknown) => Promise<unknown>;
    // The body is JSON, whatever its content type says.
    app.post(path, ({ body }) => command(body), { body, parse: "json" });
  }
  return app;
}
