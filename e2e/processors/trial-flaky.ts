import { failed, logged, seen } from "../src/runs/logged.ts";

/** Fails twice, then succeeds. */
export default logged(async (run) => {
  if (run.attempt < 3) throw failed();
  return seen(run);
});
