import { leases, logged, pause, seen } from "../src/runs/logged.ts";

/** Ignores its signal: it still runs when its outcome has been decided without it. */
export default logged(async (run) => {
  await pause(leases(4));
  return seen(run);
});
