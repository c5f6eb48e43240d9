import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "../values/ids.ts";
import { NewLabels } from "../values/labels.ts";
import { closed, open } from "../values/object.ts";
import { defaultProcessor, ProcessorName } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";
import { page } from "./page.ts";

/**
 * The bodies of processing requests in the public REST API. Fields and paths are those of the original; new ones are
 * only added.
 */

/** Any JSON value. A required payload must be present; `null` is a value. */
export const Payload = Type.Unknown({ description: "Any JSON value. It is returned byte for byte." });

export const CreateRequest = Type.Object(
  {
    payload: Payload,
    processor: Type.Optional(
      Type.String({
        ...ProcessorName,
        description: `The name of the processor that executes the request; ${defaultProcessor} if absent.`,
      }),
    ),
    labels: Type.Optional(NewLabels),
    execute: Type.Optional(
      Type.Boolean({
        description:
          "Whether to execute the request at once. The request and its first execution are accepted together.",
      }),
    ),
  },
  { ...closed, description: "A processing request." },
);
export type CreateRequest = Static<typeof CreateRequest>;

const processor = Type.Optional(
  Type.String({ description: "The name of the processor. Absent if the client did not choose one." }),
);

/** Labels as they are returned. */
export const returnedLabels = Type.Optional(
  Type.Record(Type.String(), Type.String(), {
    description: "The labels of the request. Absent if the client gave none.",
  }),
);

export const ProcessingRequest = Type.Object(
  { id: Uuid, payload: Payload, processor, labels: returnedLabels },
  open,
);

export const StoredRequest = Type.Object(
  { id: Uuid, payload: Payload, processor, labels: returnedLabels, creation_date: Timestamp },
  open,
);

export const RequestPage = page("requests", StoredRequest);
