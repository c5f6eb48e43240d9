import { logged, pause, seen } from "../src/runs/logged.ts";
import { trialLeaseMs } from "../src/runs/trials.ts";

/** Runs longer than the lease of torture. */
export default logged(async (run) => {
  await pause(trialLeaseMs * 1.5, run.signal);
  return seen(run);
});
