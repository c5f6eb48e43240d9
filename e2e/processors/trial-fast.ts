import { logged, seen } from "../src/runs/logged.ts";

export default logged(async (run) => seen(run));
