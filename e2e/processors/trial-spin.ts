import { logged } from "../src/runs/logged.ts";

/** Never yields: its process sees no signal and no message. */
export default logged(
  async () => {
    for (;;);
  },
  { timeoutSeconds: 3 },
);
