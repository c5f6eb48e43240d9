import { join } from "node:path";
import { createGroups } from "../../../src/children/group.ts";
import { readDeclaration } from "../../../src/handlers/declaration.ts";
import { noLog } from "../../children/start.ts";
import { longest, tooDeep, tooLong } from "../../conformance/handlers/payloads.ts";
import { type Behaviour, handlerSuite } from "../../conformance/handlers/suite.ts";
import { folderOf, removeFolders } from "../../folder.ts";

const json = (text: string, status = 200) =>
  new Response(text, { status, headers: { "content-type": "application/json; charset=utf-8" } });
const noLuck = { code: "no_luck", message: "Nothing – to do." };
const asked = new Set<string | null>();

const endpoint: Partial<Record<Behaviour, (request: Request) => Response | Promise<Response>>> = {
  echo: async (request) => json(await request.text()),
  needs_text: async (request) => json(await request.text()),
  facts: ({ headers }) =>
    json(
      JSON.stringify({
        execution_id: headers.get("idempotency-key"),
        epoch: Number(headers.get("sate-epoch")),
        attempt: Number(headers.get("sate-attempt")),
        try: Number(headers.get("sate-try")),
        timeout_seconds: Number(headers.get("sate-timeout")),
        traceparent: headers.get("traceparent"),
      }),
    ),
  no_outputs: () => json(""),
  not_json: () => json("ready"),
  longest: () => json(longest),
  too_long: () => json(tooLong),
  too_deep: () => json(tooDeep),
  endless: () => {
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
    return new Response(body, { headers: { "content-type": "application/json" } });
  },
  fails: () => json(JSON.stringify(noLuck), 500),
  fails_for_good: () => json(JSON.stringify({ ...noLuck, retryable: false }), 503),
  breaks: () => new Response("<h1>Internal Server Error</h1>", { status: 500 }),
  waits: () => new Promise(() => {}),
};

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  fetch(request) {
    asked.add(request.headers.get("idempotency-key"));
    const behaviour = new URL(request.url).pathname.slice(1) as Behaviour;
    return endpoint[behaviour]?.(request) ?? new Response(null, { status: 404 });
  },
});
/** Ends each connection in the middle of the call. */
const dying = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket) => void socket.terminate() },
});
const groups = createGroups({ log: noLog });

handlerSuite({
  name: "http",
  async processor(behaviour) {
    const port = behaviour === "dies" ? dying.port : server.port;
    const text = `kind = "http"\nurl = "http://127.0.0.1:${port}/${behaviour}"\n`;
    const input = '[input]\ntype = "object"\nrequired = ["text"]\nproperties.text.type = "string"\n';
    const folder = folderOf({ "one.toml": behaviour === "needs_text" ? text + input : text });
    const read = await readDeclaration(join(folder, "one.toml"), {
      timeoutSeconds: 60,
      env: {},
      groups,
      log: noLog,
    });
    if (read.kind === "wrong") throw new Error(read.problem);
    return read.processor;
  },
  without: {
    environment: "An endpoint has an environment of its own.",
    throwing_getter: "An endpoint returns bytes.",
    rejects_later: "What an endpoint does after its response is not seen.",
    ignores_stop: "The call ends in any case; the endpoint is not Sate's to end.",
    leaves_processes: "The endpoint's processes are not Sate's to end.",
    waits_with_processes: "The endpoint's processes are not Sate's to end.",
    chats: "HTTP has no log.",
    reports: "HTTP has no log and no progress.",
  },
  broken: { kind: "failed", error: { code: "http_500" }, isRetryable: true },
  died: { kind: "failed", error: { code: "http_unreachable" }, isRetryable: true },
  isAtWork: (run) => asked.has(run.executionId),
  async close() {
    await groups.close();
    await server.stop(true);
    dying.stop(true);
    removeFolders();
  },
});
