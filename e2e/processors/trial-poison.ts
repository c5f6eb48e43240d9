import { logged, pause } from "../src/runs/logged.ts";

/** Kills its process each time. */
export default logged(async ({ signal }) => {
  process.kill(process.pid, "SIGKILL");
  // The signal is on its way.
  await pause(60_000, signal);
});
