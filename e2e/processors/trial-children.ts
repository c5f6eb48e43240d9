import { logged, pause, seen } from "../src/runs/logged.ts";

/** Leaves processes behind, in its process group and outside of it, when it ends or is killed. */
export default logged(async (run) => {
  const sleep = ["sleep", "3600"];
  Bun.spawn(sleep, { stdio: ["ignore", "inherit", "inherit"] });
  Bun.spawn(["setsid", ...sleep], { stdio: ["ignore", "inherit", "inherit"] });
  await pause(1_000, run.signal);
  return seen(run);
});
