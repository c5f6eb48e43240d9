import { expect } from "bun:test";
import { join } from "node:path";
import { createGroups } from "../../../src/children/group.ts";
import { createWarm } from "../../../src/children/warm.ts";
import { loadModule } from "../../../src/handlers/module/load.ts";
import type { Processor } from "../../../src/ports.ts";
import { noLog } from "../../children/start.ts";
import { type Behaviour, handlerSuite, type Kind, named, secret } from "../../conformance/handlers/suite.ts";
import { folderOf, removeFolders } from "../../folder.ts";

const groups = createGroups({ log: noLog });
const env = { ...Bun.env, ...named, ...secret };
const behave = JSON.stringify(join(import.meta.dir, "../../conformance/handlers/behave-module.ts"));

async function processor(behaviour: Behaviour, more: string): Promise<Processor> {
  const text = `import { behaviours } from ${behave}; export default { ...behaviours.${behaviour}, ${more} };`;
  const path = join(folderOf({ "one.ts": text }), "one.ts");
  const loaded = await loadModule(path, { timeoutSeconds: 60, env, groups, warm: createWarm(8), log: noLog });
  if (loaded.kind === "wrong") throw new Error(loaded.problem);
  return loaded.processor;
}

const common = {
  broken: {
    kind: "broken",
    error: { code: "unexpected_error", message: expect.stringContaining("TypeError") },
  },
  died: { kind: "broken", error: { code: "process_died", message: expect.stringContaining("SIGKILL") } },
  isAtWork: (run) => run.log().includes("started"),
  echoed: (outputsJson) => JSON.parse(outputsJson)?.sent ?? outputsJson,
  async close() {},
} satisfies Partial<Kind>;

const elsewhere = {
  endless: "What a module returns is in its memory, all of it.",
  too_deep: "How deep outputs are is checked where the run ends, for all kinds.",
};

handlerSuite({
  ...common,
  name: "module",
  processor: (behaviour) => processor(behaviour, ""),
  without: elsewhere,
});

handlerSuite({
  ...common,
  name: "module in a process for each run",
  processor: (behaviour) => processor(behaviour, "reuse: false"),
  without: { ...elsewhere, rejects_later: "When a run has ended, nothing of it is left." },
});

const own = "It runs in the process of the service, which trusts it.";
handlerSuite({
  ...common,
  name: "module without isolation",
  processor: (behaviour) => processor(behaviour, 'isolation: "none"'),
  without: {
    ...elsewhere,
    environment: own,
    rejects_later: own,
    dies: own,
    ignores_stop: own,
    leaves_processes: own,
    waits_with_processes: own,
    chats: own,
  },
  async close() {
    await groups.close();
    removeFolders();
  },
});
