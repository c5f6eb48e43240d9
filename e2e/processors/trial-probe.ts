import { logged, seen } from "../src/runs/logged.ts";

/** For requests that must not wait behind those of others: each processor has a queue of its own. */
export default logged(async (run) => seen(run));
