import { type Context, pause } from "../src/runs/logged.ts";

const steps = 30;

/** Takes three seconds, and reports and logs each tenth of a second. */
export default {
  async run(_: unknown, context: Context): Promise<number> {
    for (let step = 1; step <= steps; step++) {
      context.log(`step ${step}`);
      context.progress(step / steps);
      await pause(100, context.signal);
    }
    return steps;
  },
};
