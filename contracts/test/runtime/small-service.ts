import { Type } from "@sinclair/typebox";
import { runService, type serverOptions, settingsOrExit } from "../../src/runtime/process.ts";
import { processingSettings } from "../../src/settings/executions.ts";
import { processSettings } from "../../src/settings/process.ts";

/** A process with nothing but the runtime; process.test.ts starts it. */
const { settings, log } = settingsOrExit(
  "small",
  Type.Object({
    ...processSettings({ port: 0 }),
    PROCESSING_SECONDS: processingSettings.PROCESSING_SECONDS,
    STOP: Type.String({ default: "works", description: "how its stop goes" }),
  }),
);
const signalled = Promise.withResolvers<void>();
const waitsEnded = Promise.withResolvers<void>();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => signalled.resolve());

const routes: Record<string, () => Promise<Response> | Response> = {
  "/live": () => new Response("live"),
  // Responds a moment after the stop has begun.
  "/slow": async () => {
    log.info("slow has begun");
    await signalled.promise;
    await Bun.sleep(100);
    log.info("slow has responded");
    return new Response("slow");
  },
  // Responds once the stop ends what waits.
  "/wait": async () => {
    log.info("a wait has begun");
    await waitsEnded.promise;
    log.info("the wait has ended");
    return new Response("nothing yet");
  },
  "/throw": () => {
    setTimeout(() => {
      throw Object.assign(new TypeError("secret"), { code: "E_THROWN" });
    });
    return new Response();
  },
  "/reject": () => {
    void Promise.reject(new RangeError("secret", { cause: Object.assign(new Error("secret"), { code: 7 }) }));
    return new Response();
  },
};

const app = {
  server: null as ReturnType<typeof Bun.serve> | null,
  listen(options: ReturnType<typeof serverOptions>) {
    const fetch = (request: Request) => routes[new URL(request.url).pathname]?.() ?? new Response();
    this.server = Bun.serve({ ...options, fetch });
  },
};

await runService(
  {
    app,
    start: async () => {},
    endWaits: waitsEnded.resolve,
    async stop() {
      log.info("the service stops");
      if (settings.STOP === "hangs") await new Promise(() => {});
      if (settings.STOP === "fails") throw new TypeError("secret");
    },
  },
  { log, settings, bodyBytesMax: 1_000 },
);
