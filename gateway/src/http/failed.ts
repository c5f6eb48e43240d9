import { pathOf } from "../access/authorize.ts";
import type { Failed } from "./problem-response.ts";

/** What the log says about a request that fails. `headers`: those of its response, which have its id. */
export function failedOf(request: Request, headers: Record<string, unknown>): Failed {
  return { method: request.method, path: pathOf(request), request_id: String(headers["x-request-id"]) };
}
