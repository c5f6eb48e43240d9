import { logged } from "../src/runs/logged.ts";
import { failed, seen } from "../src/runs/trial.ts";

/** Fails twice, then ends well. */
export default logged(async (run) => {
  if (run.attempt < 3) throw failed();
  return seen(run);
});
