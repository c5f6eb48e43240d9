import { processingSettings, processSettings } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { runService, settingsOrExit } from "../../src/runtime/process.ts";

/** A process with nothing but the runtime; process.test.ts starts it. */
const { settings, log } = settingsOrExit(
  "small",
  Type.Object({
    ...processSettings({ port: 0 }),
    PROCESSING_SECONDS: processingSettings.PROCESSING_SECONDS,
    STOP: Type.String({ default: "works", description: "how its stop goes" }),
    SHUTDOWN_MS: Type.Integer({ default: 10_000, description: "the time for a stop" }),
  }),
);
const { HOST, PORT, STOP, SHUTDOWN_MS } = settings;
const signalled = Promise.withResolvers<void>();
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => signalled.resolve());

const app = new Elysia()
  .get("/live", () => "live")
  // Responds a moment after the stop has begun.
  .get("/slow", async () => {
    log.info("slow has begun");
    await signalled.promise;
    await Bun.sleep(100);
    log.info("slow has responded");
    return "slow";
  })
  .get("/throw", () => {
    setTimeout(() => {
      throw Object.assign(new TypeError("secret"), { code: "E_THROWN" });
    });
  })
  .get("/reject", () => {
    void Promise.reject(new RangeError("secret", { cause: Object.assign(new Error("secret"), { code: 7 }) }));
  });

await runService(
  {
    app,
    start: async () => {},
    async stop() {
      log.info("the service stops");
      if (STOP === "hangs") await new Promise(() => {});
      if (STOP === "fails") throw new TypeError("secret");
    },
  },
  { log, host: HOST, port: PORT, shutdownMs: SHUTDOWN_MS, bodyBytesMax: 1_000 },
);
