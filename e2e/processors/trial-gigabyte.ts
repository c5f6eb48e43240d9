import { logged, seen } from "../src/runs/logged.ts";

/** Prints a gigabyte. */
export default logged(async (run) => {
  const line = `${"x".repeat(2 ** 20 - 1)}\n`;
  for (let count = 0; count < 1_024; count++) await Bun.write(Bun.stdout, line);
  return seen(run);
});
