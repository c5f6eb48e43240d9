import { failed, logged } from "../src/runs/logged.ts";

export default logged(async () => {
  throw failed();
});
