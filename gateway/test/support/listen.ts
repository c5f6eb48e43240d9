import { serverBodyBytesMax } from "../../src/index.ts";
import type { TestGateway } from "./gateway.ts";

/** Lets a gateway listen as main.ts does; returns its port. */
export function listen({ app }: Pick<TestGateway, "app">, port = 0): number {
  app.listen({ hostname: "127.0.0.1", port, maxRequestBodySize: serverBodyBytesMax, idleTimeout: 10 });
  return app.server?.port as number;
}
