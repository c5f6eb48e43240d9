import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { seen } from "./logged.ts";

/** The behavior of an HTTP endpoint, and the fields of its declaration besides the address. */
const routes: Record<string, { declared: string; respond: Respond }> = {
  "trial-http-fast": { declared: "", respond: (payloadText) => Response.json(seen({ payloadText })) },
  /** Asks for another try once. */
  "trial-http-flaky": {
    declared: "retry = { tries = 3, first_seconds = 0.2, max_seconds = 2 }",
    respond: (payloadText, { headers }) =>
      headers.get("sate-try") === "1"
        ? new Response(null, { status: 503, headers: { "retry-after": "1" } })
        : Response.json(seen({ payloadText })),
  },
  /** Never responds. */
  "trial-http-hanging": { declared: "timeout_seconds = 4", respond: () => new Promise(() => {}) },
  /** Does what the payload says, like `acts-module.ts`. */
  "acts-http": {
    declared: "timeout_seconds = 30\nretry = { tries = 3, first_seconds = 0.2, max_seconds = 1 }",
    respond: act,
  },
};
type Respond = (payloadText: string, request: Request) => Response | Promise<Response>;

function act(payloadText: string, { headers }: Request): Response | Promise<Response> {
  const payload = JSON.parse(payloadText);
  const tryNumber = Number(headers.get("sate-try"));
  if (payload.do === "hang") return new Promise(() => {});
  if (payload.do === "fail")
    return Response.json({ code: "refused", message: "It was told to fail." }, { status: 422 });
  if (payload.do === "retry" && tryNumber < 3) return new Response(null, { status: 503 });
  return Response.json({ did: payload, try: tryNumber });
}

/** The endpoint of the tests' HTTP processors. Writes their declarations into `folder`, because its port is a free one. */
export function startEndpoint(folder: string): { stop(): Promise<void> } {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    // The caller ends a call that hangs.
    idleTimeout: 0,
    async fetch(request) {
      const route = routes[new URL(request.url).pathname.slice(1)];
      return route ? route.respond(await request.text(), request) : new Response(null, { status: 404 });
    },
  });
  for (const [name, { declared }] of Object.entries(routes)) {
    writeFileSync(join(folder, `${name}.toml`), `kind = "http"\nurl = "${server.url}${name}"\n${declared}\n`);
  }
  return { stop: () => server.stop(true) };
}
