import { leases, logged, pause, seen } from "../src/runs/logged.ts";

/** Runs longer than the lease. */
export default logged(async (run) => {
  await pause(leases(1.5), run.signal);
  return seen(run);
});
