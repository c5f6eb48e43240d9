import { logged } from "../src/runs/logged.ts";

/** Throws an unexpected error. */
export default logged(async () => {
  throw new TypeError("a secret-canary that must not leave this process");
});
