import { logged } from "../src/runs/logged.ts";

/** Needs more memory than it may have. */
export default logged(
  async () => {
    const kept: object[] = [];
    for (let count = 0; ; count++) kept.push({ count, text: "x".repeat(1_000) + count });
  },
  { memoryMib: 400 },
);
