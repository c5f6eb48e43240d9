import { logged } from "../src/runs/logged.ts";
import { failed, pause } from "../src/runs/trial.ts";

/** Until it is aborted. */
export default logged(async ({ signal }) => {
  await pause(2 ** 31 - 1, signal);
  throw failed();
});
