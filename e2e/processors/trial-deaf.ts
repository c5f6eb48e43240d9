import { logged, pause, seen } from "../src/runs/logged.ts";

/** Ignores its signal, and would run for long after its deadline. */
export default logged(
  async (run) => {
    await pause(30_000);
    return seen(run);
  },
  { timeoutSeconds: 4 },
);
