/** A service that only answers, and does not do what is asked of it where BEHAVIOUR says so. */
const { HOST = "", PORT, BEHAVIOUR, WORKER_URL } = Bun.env;
if (BEHAVIOUR === "wrong configuration") process.exit(78);
if (BEHAVIOUR === "fails") process.exit(1);
Bun.serve({ hostname: HOST, port: Number(PORT), fetch: () => Response.json(Bun.env) });
console.log("listening");
process.on("SIGTERM", async () => {
  if (BEHAVIOUR === "stubborn") return;
  if (WORKER_URL)
    console.log(
      "until the end the worker answers with",
      (await fetch(WORKER_URL.split(",")[0] ?? "")).status,
    );
  process.exit(0);
});
