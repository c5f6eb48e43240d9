import { failure, logged, pause } from "../src/runs/logged.ts";

/** Like the processor's own simulation, with a log of runs. */
export default logged(async ({ forceError, signal }) => {
  await pause(50, signal);
  if (forceError) throw failure("forced_error", "The execution was asked to fail.");
  return { message: "pong" };
});
