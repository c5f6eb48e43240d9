import { type Static, Type } from "@sinclair/typebox";
import { Uuid, uuidPattern } from "../values/ids.ts";
import { LabelParameter } from "../values/labels.ts";
import { bulkBody, bulkResponse } from "./bulk.ts";

/** A processor as a filter names it. Sate's own may be named, too. */
export const ProcessorFilter = Type.String({
  pattern: "^(sate:)?[a-z0-9][a-z0-9._-]{0,63}$",
  maxLength: 69,
  description:
    "The name of a processor. Without it, executions of Sate's own processors (sate:…) are left out.",
});

export const CancelExecutions = bulkBody(
  {
    status: Type.Optional(
      Type.Union([Type.Literal("queued"), Type.Literal("running")], {
        description: "Only executions with this status. Both if absent: others cannot be cancelled.",
      }),
    ),
    processor: Type.Optional(ProcessorFilter),
    label: Type.Optional(LabelParameter),
  },
  { cursor: uuidPattern, description: "Which executions are cancelled." },
);
export type CancelExecutions = Static<typeof CancelExecutions>;

export const CancelledExecutions = bulkResponse(
  "cancelled",
  "How many of them are cancelled, or will be at the next heartbeat of their worker unless they end first.",
  { request_id: Uuid },
);
