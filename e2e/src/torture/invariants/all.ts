import { acknowledged } from "./acknowledged.ts";
import { callers } from "./callers.ts";
import { operations } from "./operations.ts";
import { outcomes } from "./outcomes.ts";
import { removals } from "./removals.ts";
import { rest } from "./rest.ts";
import { runs } from "./runs.ts";

/** The invariants of the proof, and 0: what is promised about single faults. */
export const invariants = [
  ...acknowledged,
  ...outcomes,
  ...runs,
  ...callers,
  ...operations,
  ...removals,
  ...rest,
];
