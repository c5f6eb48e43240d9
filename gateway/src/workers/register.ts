import {
  defaultProcessor,
  defaultTimeoutSeconds,
  leaseSettings,
  type ProcessorAnnouncement,
  type RegisterWorker,
  toJson,
} from "@sate/contracts";
import { type ApiKey, mayServe } from "../access/api-keys.ts";
import { Refusal } from "../http/problem-response.ts";
import { createPayloadChecker } from "../payloads/checker.ts";
import type { Ports } from "../ports.ts";
import { workerIdOf } from "./ids.ts";
import { problemOfInput } from "./input-schema.ts";

/** Heartbeats during one lease: a worker may miss one, and must stop its runs before the lease expires. */
const beatsPerLease = 3;

/** A schema that takes longer to apply to `null` is refused. */
const schemaMsMax = 500;

type Registered = { worker_id: string; heartbeat_seconds: number };

/** Creates the registration of remote workers. It throws a refusal if a worker may not announce its processors. */
export function createRegister({
  requests,
  newId,
  log,
}: Pick<Ports, "requests" | "newId" | "log">): (
  body: RegisterWorker,
  key: ApiKey | undefined,
) => Promise<Registered> {
  // Separate from that of payloads: a schema that takes too long must not delay other requests.
  const checkPayload = createPayloadChecker({ deadlineMs: schemaMsMax });

  return async ({ name, processors }, key) => {
    const names = processors.map((one) => one.name);
    if (new Set(names).size < names.length) throw invalid("", "contains a name twice");
    const announcements: ProcessorAnnouncement[] = [];
    for (const [index, one] of processors.entries()) {
      const { input, ...rest } = one;
      if (one.name === defaultProcessor)
        throw invalid(`[${index}].name`, "is the name of the built-in simulation");
      if (!mayServe(key, one.name)) throw mayNotServe(key);
      const input_json = input === undefined ? undefined : await usableInput(input, `[${index}].input`);
      announcements.push({
        ...rest,
        kind: "remote",
        timeout_seconds: one.timeout_seconds ?? defaultTimeoutSeconds,
        ...(input_json !== undefined && { input_json }),
      });
    }
    const publicId = newId();
    const worker_id = workerIdOf(key?.name, publicId);
    const { lease_seconds = leaseSettings.LEASE_SECONDS.default as number, refused = [] } =
      await requests.registerWorker({
        worker_id,
        ...(name !== undefined && { name }),
        processors: announcements,
      });
    if (refused.length > 0) {
      await requests.endWorker({ worker_id });
      throw invalid("", "would exceed the maximum number of known processors; an operator can withdraw some");
    }
    // The default level of every deployment records who registered a worker.
    log.warn("remote worker registered", { key: key?.name, worker_id, processors: names.join(" ") });
    return { worker_id: publicId, heartbeat_seconds: lease_seconds / beatsPerLease };
  };

  async function usableInput(input: unknown, field: string): Promise<string> {
    const inputJson = toJson(input as object);
    const problem = problemOfInput(input, inputJson);
    if (problem !== undefined) throw invalid(field, problem);
    const { kind } = await checkPayload({ schema: inputJson, payload: "null" });
    if (kind === "unusable") throw invalid(field, "is not a JSON Schema that can be applied");
    if (kind === "unchecked") throw invalid(field, "takes too long to apply");
    return inputJson;
  }
}

function invalid(below: string, why: string): Refusal {
  const field = `processors${below}`;
  return new Refusal("invalid-body", `The field \`${field}\` ${why}.`, { field });
}

function mayNotServe(key: ApiKey | undefined): Refusal {
  const detail =
    "This API key may not serve all of these processors. Use a key whose scopes name them, or one with the `work` scope.";
  return new Refusal("forbidden", detail, { field: "processors" }, {}, { key: key?.name ?? "" });
}
