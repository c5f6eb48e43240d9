import type { ExecutionStatus } from "@sate/contracts";
import { fakeRequests as gatewaysFake } from "../../gateway/test/fakes/requests.ts";
import { fakeRequests as processorsFake } from "../../processor/test/fakes/requests.ts";
import { announcementsApiConformance } from "../../requests-service/test/conformance/requests-api/announcements.ts";
import {
  type ClientApiUnderTest,
  clientApiConformance,
} from "../../requests-service/test/conformance/requests-api/clients.ts";
import { creatingApiConformance } from "../../requests-service/test/conformance/requests-api/creating.ts";
import {
  type FindingApiUnderTest,
  findingApiConformance,
} from "../../requests-service/test/conformance/requests-api/finding.ts";
import { processorApiConformance } from "../../requests-service/test/conformance/requests-api/processors.ts";
import { replaysConformance } from "../../requests-service/test/conformance/requests-api/replays.ts";
import { schedulesApiConformance } from "../../requests-service/test/conformance/requests-api/schedules.ts";
import { watchApiConformance } from "../../requests-service/test/conformance/requests-api/watching.ts";

/** The fakes of requests-service behave like its real commands, which run the same suites in their own folder. */

const clientApi = (): ClientApiUnderTest & FindingApiUnderTest => {
  const { api, become } = gatewaysFake();
  return {
    api,
    run: async (requestId: string) => become(requestId, "running"),
    end: async (requestId: string, status: ExecutionStatus) => become(requestId, status),
  };
};
clientApiConformance("the gateway's fake", clientApi);
creatingApiConformance("the gateway's fake", clientApi);
replaysConformance("the gateway's fake", clientApi);
findingApiConformance("the gateway's fake", clientApi);

announcementsApiConformance("the gateway's fake", () => gatewaysFake().api);

schedulesApiConformance("the gateway's fake", () => gatewaysFake().api);

processorApiConformance("the gateway's fake", () => {
  const { api, queue, expire } = gatewaysFake();
  return {
    api,
    queue,
    cancel: async (ref) => void (await api.cancelExecution(ref)),
    expire: async (workerId) => expire(workerId),
  };
});

processorApiConformance("the processor's fake", () => {
  const fake = processorsFake();
  return {
    api: fake,
    queue: async (processor) => fake.queue(processor === undefined ? {} : { processor }),
    cancel: async (ref) => fake.cancel(ref),
    expire: async (workerId) => fake.giveUp(workerId),
  };
});

watchApiConformance("the gateway's fake", () => {
  const { api, queue, become } = gatewaysFake();
  return {
    api,
    queue,
    async run(ref) {
      become(ref.request_id, "running", { epoch: 1 });
      return { ...ref, epoch: 1 };
    },
  };
});
