import {
  CreateExecution,
  CreateRequest,
  Execution,
  ExecutionPage,
  ExecutionState,
  Problem,
  ProcessingRequest,
  RequestPage,
  Results,
  StoredRequest,
  Uuid,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";

const open = { additionalProperties: true } as const;

const Welcome = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    requests_uri: Type.String(),
    documentation_uri: Type.String(),
    openapi_uri: Type.String(),
    ready_uri: Type.String(),
    try: Type.String(),
  },
  open,
);

const Live = Type.Object({ live: Type.Boolean() }, open);

const Ready = Type.Object(
  {
    ready: Type.Boolean(),
    reasons: Type.Optional(
      Type.Array(Type.String(), {
        description: "Why it is not ready. Where there are API keys, only for requests that have one.",
      }),
    ),
  },
  open,
);

/** The schemas that the document names. */
export const schemas = {
  Id: Uuid,
  CreateRequest,
  ProcessingRequest,
  StoredRequest,
  RequestPage,
  CreateExecution,
  Execution,
  ExecutionState,
  ExecutionPage,
  Results,
  Problem,
  Welcome,
  Live,
  Ready,
};

export type SchemaName = keyof typeof schemas;
