import { failed, logged, seen } from "../src/runs/logged.ts";

/** Fails in its first two tries. */
export default logged(
  async (run) => {
    if (run.try < 3) throw failed();
    return seen(run);
  },
  { retry: { tries: 5, firstSeconds: 0.2, maxSeconds: 2 } },
);
