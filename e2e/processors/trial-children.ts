import { logged, seen } from "../src/runs/logged.ts";

/** Leaves processes behind, in its process group and outside of it. */
export default logged(async (run) => {
  const sleep = ["sleep", "3600"];
  Bun.spawn(sleep, { stdio: ["ignore", "inherit", "inherit"] });
  Bun.spawn(["setsid", ...sleep], { stdio: ["ignore", "inherit", "inherit"] });
  return seen(run);
});
