import { type Context, failure, pause } from "../src/runs/logged.ts";

/** Does what the payload asks for. */
export default {
  timeoutSeconds: 30,
  retry: { tries: 3, firstSeconds: 0.2, maxSeconds: 1 },
  input: { type: "object", required: ["do"], properties: { do: { type: "string" } } },
  async run(payload: { do: string }, context: Context): Promise<unknown> {
    context.log(`told to ${payload.do}`);
    context.progress(0.5, "half of it");
    if (payload.do === "nest") nest(context.executionId);
    if (["hang", "nest"].includes(payload.do)) await pause(600_000, context.signal);
    if (payload.do === "fail")
      throw Object.assign(failure("refused", "It was told to fail."), { retryable: false });
    if (payload.do === "retry" && context.try < 3) throw failure("busy", "It will work soon.");
    return { did: payload, try: context.try };
  },
};

/** Starts a process in its own group, and one that leaves it. Their command lines name the execution. */
function nest(executionId: string): void {
  const sleep = ["sh", "-c", `sleep 3600; : ${executionId}`];
  for (const command of [sleep, ["setsid", ...sleep]])
    Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });
}
