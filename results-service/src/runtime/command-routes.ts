import type { Api, ApiFunctions } from "@sate/contracts";
import { Elysia } from "elysia";

/** Every operation of the contract's table as its route: none can be forgotten. */
export function commandRoutes<A extends Api>(api: A, commands: ApiFunctions<A>) {
  const app = new Elysia({ normalize: false });
  for (const [name, { path, body }] of Object.entries(api)) {
    const command = commands[name as keyof A] as (body: unknown) => Promise<unknown>;
    // Whatever its content type says: the body is JSON.
    app.post(path, ({ body }) => command(body), { body, parse: "json" });
  }
  return app;
}
