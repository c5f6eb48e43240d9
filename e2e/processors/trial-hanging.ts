import { failed, logged, pause } from "../src/runs/logged.ts";

/** Runs until it is aborted. */
export default logged(
  async ({ signal }) => {
    await pause(2 ** 31 - 1, signal);
    throw failed();
  },
  { timeoutSeconds: 6 },
);
