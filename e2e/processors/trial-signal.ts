import { logged, pause } from "../src/runs/logged.ts";

/** Its process is ended as by a fault of memory. */
export default logged(async ({ signal }) => {
  process.kill(process.pid, "SIGSEGV");
  // The signal is on its way.
  await pause(60_000, signal);
});
