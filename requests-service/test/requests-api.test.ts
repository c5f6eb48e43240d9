import { type Outcome, requestsApi } from "@sate/contracts";
import { commandRoutes } from "../src/runtime/command-routes.ts";
import { createInternalApp } from "../src/runtime/internal-app.ts";
import { madeOutcome } from "./builders.ts";
import { announcementsApiConformance } from "./conformance/requests-api/announcements.ts";
import { type ClientApiUnderTest, clientApiConformance } from "./conformance/requests-api/clients.ts";
import { creatingApiConformance } from "./conformance/requests-api/creating.ts";
import { type FindingApiUnderTest, findingApiConformance } from "./conformance/requests-api/finding.ts";
import { processorApiConformance } from "./conformance/requests-api/processors.ts";
import { replaysConformance } from "./conformance/requests-api/replays.ts";
import { schedulesApiConformance } from "./conformance/requests-api/schedules.ts";
import { watchApiConformance } from "./conformance/requests-api/watching.ts";
import { testCore } from "./core.ts";
import { clientOf, serviceToken } from "./door.ts";

/** The real commands, called over HTTP. */
function testService(options: Parameters<typeof testCore>[0] = {}) {
  const core = testCore(options);
  const { commands, counters, log } = core;
  const routes = commandRoutes(requestsApi, commands);
  const app = createInternalApp({ serviceToken, notReadyReasons: async () => [], counters, log, routes });
  return { core, api: clientOf(app) };
}

const clientApi = (): ClientApiUnderTest & FindingApiUnderTest => {
  const { core, api } = testService({ knowsAnnounced: true });
  async function run(request_id: string) {
    const page = await api.listExecutions({ request_id, limit: 100 });
    const last = page.kind === "found" ? page.executions.at(-1) : undefined;
    return core.run(await core.worker(), last);
  }
  return {
    api,
    run: async (requestId: string) => void (await run(requestId)),
    end: async (requestId: string, status: Outcome["status"]) => {
      await api.finish({ runs: [{ ...(await run(requestId)), outcome: madeOutcome(status) }] });
    },
  };
};
clientApiConformance("requests-service", clientApi);
creatingApiConformance("requests-service", clientApi);
replaysConformance("requests-service", clientApi);
findingApiConformance("requests-service", clientApi);

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

schedulesApiConformance("requests-service", () => testService().api);
watchApiConformance("requests-service", () => {
  const { core, api } = testService();
  return {
    api,
    async queue() {
      const { request_id, attempt, id } = await core.execution();
      return { request_id, attempt, execution_id: id };
    },
    async run({ request_id }) {
      const page = await api.listExecutions({ request_id, limit: 1 });
      const queued = page.kind === "found" ? page.executions[0] : undefined;
      return core.run(await core.worker(), queued);
    },
  };
});
