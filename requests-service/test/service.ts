import { afterEach } from "bun:test";
import { type ExecutionRecord, type Outcome, type Run, requestsApi } from "@sate/contracts";
import { commandRoutes } from "../src/runtime/command-routes.ts";
import { createInternalApp } from "../src/runtime/internal-app.ts";
import { madeOutcome } from "./builders.ts";
import { type Core, createCore, wanted } from "./core.ts";
import { clientOf, serviceToken } from "./door.ts";

const cores: Core[] = [];
afterEach(async () => {
  for (const { outbox, publisher, store } of cores.splice(0)) {
    publisher.release();
    await outbox.flush();
    await store.close();
  }
});

/** A core that ends with its test. */
export function testCore(options: Parameters<typeof createCore>[0] = {}): Core {
  const core = createCore(options);
  cores.push(core);
  return core;
}

/** A core, and its API as its callers see it, over HTTP. */
export function testService(options: Parameters<typeof createCore>[0] = {}) {
  const core = testCore(options);
  const { commands, counters, log } = core;
  const routes = commandRoutes(requestsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons: async () => [], counters, log, routes });
  const api = clientOf(app);

  async function create(requestId: string) {
    const { answers } = await api.createExecutions({ executions: [wanted(requestId)] });
    return answers[0] as (typeof answers)[number];
  }
  async function created(requestId: string): Promise<ExecutionRecord> {
    const answer = await create(requestId);
    if (answer.kind !== "created") throw new Error(`it was not created: ${answer.kind}`);
    return answer.execution;
  }
  /** Runs a new execution to its end. */
  async function ended(requestId: string, status: Outcome["status"]): Promise<Run> {
    const run = await core.run(await core.worker(), await created(requestId));
    await api.finish({ runs: [{ ...run, outcome: madeOutcome(status) }] });
    return run;
  }
  return { core, api, create, created, ended };
}
