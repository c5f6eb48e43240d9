import { type Static, Type } from "@sinclair/typebox";
import { Uuid, uuidPattern } from "../values/ids.ts";
import { LabelParameter } from "../values/labels.ts";
import { ProcessorFilter } from "../values/processor.ts";
import { bulkBody, bulkResponse } from "./bulk.ts";

/** Lists leave out what Sate does itself, unless a client asks for it. */
export const ListedProcessor = {
  ...ProcessorFilter,
  description:
    "The name of a processor. Without it, executions of Sate's own processors (sate:…) are left out.",
};

export const CancelExecutions = bulkBody(
  {
    status: Type.Optional(
      Type.Union([Type.Literal("queued"), Type.Literal("running")], {
        description: "Only executions with this status. Both if absent: others cannot be cancelled.",
      }),
    ),
    processor: Type.Optional(ListedProcessor),
    label: Type.Optional(LabelParameter),
  },
  { cursor: uuidPattern, description: "The executions to cancel." },
);
export type CancelExecutions = Static<typeof CancelExecutions>;

export const CancelledExecutions = bulkResponse(
  "cancelled",
  "The number of executions that were cancelled, or will be at the next heartbeat of their worker unless they end first; in a dry run, that would be.",
  { request_id: Uuid },
);
