import { parseArgs } from "node:util";
import { bugs } from "./bugs.ts";
import { openDatabases } from "./databases.ts";
import { search } from "./search.ts";

/** `bun standalone/test/model/run.ts --seeds 10000 [--from 1] [--steps 200] [--bug "no outbox sweep"] [--seconds 50]` */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    steps: { type: "string", default: "200" },
    seconds: { type: "string", default: "Infinity" },
    bug: { type: "string" },
  },
});
const bug = values.bug === undefined ? {} : bugs[values.bug];
if (!bug) throw new Error(`--bug must be one of: ${Object.keys(bugs).join(", ")}`);
function* seeds(from: number, count: number) {
  for (let index = 0; index < count; index++) {
    if (index > 0 && index % 500 === 0) console.error(`${index} of ${count} seeds`);
    yield from + index;
  }
}

const found = search({
  seeds: seeds(Number(values.from), Number(values.seeds)),
  steps: Number(values.steps),
  budgetMs: Number(values.seconds) * 1_000,
  databases: openDatabases(bug.schema),
  bug,
});
console.log(found.summary);
if (found.failure) {
  console.error(found.failure);
  process.exit(1);
}
