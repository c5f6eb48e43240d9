import { logged } from "../src/runs/logged.ts";
import { seen } from "../src/runs/trial.ts";

export default logged(async (run) => seen(run));
