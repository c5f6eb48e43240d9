import { logged } from "../src/runs/logged.ts";

/** Outputs above the limit, so the execution must fail. */
export default logged(async () => "x".repeat(600 * 1_024));
