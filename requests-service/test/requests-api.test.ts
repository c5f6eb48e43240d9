import { requestsApi } from "@sate/contracts";
import { commandRoutes } from "../src/runtime/command-routes.ts";
import { createInternalApp } from "../src/runtime/internal-app.ts";
import { madeOutcome } from "./builders.ts";
import { announcementsApiConformance } from "./conformance/requests-api/announcements.ts";
import { clientApiConformance } from "./conformance/requests-api/clients.ts";
import { processorApiConformance } from "./conformance/requests-api/processors.ts";
import { testCore } from "./core.ts";
import { clientOf, serviceToken } from "./door.ts";

/** The real commands, called over HTTP. */
function testService() {
  const core = testCore();
  const { commands, counters, log } = core;
  const routes = commandRoutes(requestsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons: async () => [], counters, log, routes });
  return { core, api: clientOf(app) };
}

clientApiConformance("requests-service", () => {
  const { core, api } = testService();
  async function run(request_id: string) {
    const page = await api.listExecutions({ request_id, limit: 100 });
    const last = page.kind === "found" ? page.executions.at(-1) : undefined;
    return core.run(await core.worker(), last);
  }
  return {
    api,
    run: async (requestId) => void (await run(requestId)),
    end: async (requestId, status) => {
      await api.finish({ runs: [{ ...(await run(requestId)), outcome: madeOutcome(status) }] });
    },
  };
});

processorApiConformance("requests-service", () => {
  const { core, api } = testService();
  return {
    api,
    async queue(processor) {
      const request = await core.request(processor === undefined ? {} : { processor });
      const { request_id, attempt, id } = await core.execution(request.id);
      return { request_id, attempt, execution_id: id };
    },
    cancel: async (ref) => void (await api.cancelExecution(ref)),
    async expire(workerId) {
      await core.store.workers.expire(workerId);
      await core.sweep();
    },
  };
});

announcementsApiConformance("requests-service", () => testService().api);
