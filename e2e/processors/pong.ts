import { failure, logged } from "../src/runs/logged.ts";
import { pause } from "../src/runs/trial.ts";

/** As the service's own simulation, but written down. */
export default logged(async ({ forceError, signal }) => {
  await pause(50, signal);
  if (forceError) throw failure("forced_error", "The execution was asked to fail.");
  return { message: "pong" };
});
