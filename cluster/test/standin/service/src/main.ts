/** A service that returns its environment, and misbehaves as BEHAVIOUR says. */
const { HOST = "", PORT, BEHAVIOUR, WORKER_URL } = Bun.env;
if (BEHAVIOUR === "wrong configuration") process.exit(78);
if (BEHAVIOUR === "fails") process.exit(1);
Bun.serve({ hostname: HOST, port: Number(PORT), fetch: () => Response.json(Bun.env) });
console.log("listening");
process.on("SIGTERM", async () => {
  if (BEHAVIOUR === "stubborn") return;
  const [url] = WORKER_URL?.split(",") ?? [];
  if (url) console.log(`while stopping, the worker returned ${(await fetch(url)).status}`);
  process.exit(0);
});
