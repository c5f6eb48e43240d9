import { logged } from "../src/runs/logged.ts";
import { leases, pause, seen } from "../src/runs/trial.ts";

/** Longer than the lease. */
export default logged(async (run) => {
  await pause(leases(1.5), run.signal);
  return seen(run);
});
