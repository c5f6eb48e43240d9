import { logged } from "../src/runs/logged.ts";
import { leases, pause, seen } from "../src/runs/trial.ts";

/** Does not listen to its signal: it is still there when the outcome has been decided without it. */
export default logged(async (run) => {
  await pause(leases(4));
  return seen(run);
});
