/** A service that only answers, and does not do what is asked of it where BEHAVIOUR says so. */
const { HOST = "", PORT, BEHAVIOUR } = Bun.env;
if (BEHAVIOUR === "wrong configuration") process.exit(78);
if (BEHAVIOUR === "fails") process.exit(1);
Bun.serve({ hostname: HOST, port: Number(PORT), fetch: () => Response.json(Bun.env) });
console.log("listening");
process.on("SIGTERM", () => {
  if (BEHAVIOUR !== "stubborn") process.exit(0);
});
