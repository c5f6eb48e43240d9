import { logged } from "../src/runs/logged.ts";
import { failed } from "../src/runs/trial.ts";

export default logged(async () => {
  throw failed();
});
