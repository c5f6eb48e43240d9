import { logged } from "../src/runs/logged.ts";
import { pause } from "../src/runs/trial.ts";

/** Kills its process each time. */
export default logged(async ({ signal }) => {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way.
  await pause(60_000, signal);
});
