import { createLimitedLog } from "../http/limited-log.ts";
import { Refusal } from "../http/problem-response.ts";
import type { PayloadChecker } from "../payloads/checker.ts";
import type { Ports } from "../ports.ts";
import type { Announcements } from "./announcements.ts";

export type RequestCheck = (processor: string, payload: string) => Promise<void>;

/**
 * Creates the check of a request that names a processor: rejects with the refusal if the processor is unknown, or if the
 * payload does not match its input schema. A payload that cannot be checked is accepted: processors check again, and a
 * slow or broken schema must not refuse valid payloads.
 */
export function createRequestCheck(
  parts: Pick<Ports, "log" | "counters"> & { announcements: Announcements; checkPayload: PayloadChecker },
): RequestCheck {
  const { announcements, checkPayload, counters } = parts;
  const log = createLimitedLog(parts.log);

  return async (processor, payload) => {
    const { input_json: schema } = await announcements(processor);
    if (schema === undefined) return;
    const checked = await checkPayload({ schema, payload });
    if (checked.kind === "match") return;
    if (checked.kind === "mismatch") {
      const detail =
        "The payload does not match the input schema of the processor. See `errors`; `GET /processors/{name}` returns the schema.";
      throw new Refusal("invalid-payload", detail, { errors: checked.reasons });
    }
    counters.add("payloads_unchecked");
    const why = checked.kind === "unusable" ? "it is not a usable JSON Schema" : "it takes too long";
    log.warn("payloads are accepted unchecked: the input schema cannot be applied", { processor, why });
  };
}
