import { logged } from "../src/runs/logged.ts";

/** An error that nobody foresaw. */
export default logged(async () => {
  throw new TypeError("a secret-canary that must not leave this process");
});
