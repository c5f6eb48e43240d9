import { type ResultsApi, resultsApi } from "@sate/contracts";
import { Elysia } from "elysia";

/** Every operation of the contract's table as its route: none can be forgotten. */
export function commandRoutes(commands: ResultsApi) {
  const app = new Elysia({ normalize: false });
  for (const [name, { path, body }] of Object.entries(resultsApi)) {
    const command = commands[name as keyof ResultsApi] as (body: unknown) => Promise<unknown>;
    app.post(path, ({ body }) => command(body), { body });
  }
  return app;
}
