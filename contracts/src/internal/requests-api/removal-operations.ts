import { Type } from "@sinclair/typebox";
import { Uuid } from "../../values/ids.ts";
import { open } from "../../values/object.ts";
import { tagged } from "./schema.ts";

export const removalOperations = {
  /**
   * Removes a request with everything that it consists of, for good. `removed`: durably, now or by an earlier call.
   * `removing`: it has begun, so the request cannot be executed any more, and a sweep completes it. `active`: an execution
   * has not ended, so nothing is removed.
   */
  removeRequest: {
    path: "/internal/requests/remove",
    body: Type.Object({ request_id: Uuid }, open),
    response: Type.Union([
      tagged("removed"),
      tagged("removing"),
      Type.Object({ kind: Type.Literal("active"), execution_id: Uuid }, open),
      tagged("unknown_request"),
    ]),
  },
} as const;
