import type { Counters } from "@sate/contracts/runtime";
import type { Access } from "../access/authorize.ts";
import type { Batches } from "../capacity/create-batches.ts";
import type { Ingress } from "../capacity/ingress.ts";
import type { StartExecution } from "../executions/create.ts";
import type { Uris } from "../http/uris.ts";
import type { Requests, Results } from "../ports.ts";
import type { Operation } from "./operation.ts";

/** What the handlers of the routes use; each file of routes takes what it needs. */
export type RouteParts = {
  operation: Operation;
  access: Access;
  ingress: Ingress;
  requests: Requests;
  results: Results;
  createRequest: Batches["createRequest"];
  startExecution: StartExecution;
  uris: Uris;
  newId: () => string;
  counters: Counters;
  /** Why the gateway is not ready, a sentence each. */
  notReadyReasons: () => Promise<string[]>;
};
