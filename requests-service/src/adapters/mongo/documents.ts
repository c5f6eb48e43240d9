import { type ExecutionKey, executionKey, type Outcome, type RequestRecord } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Refusal, Worker } from "../../ports.ts";
import { joinedOutcome, splitOutcome } from "../stored.ts";

/**
 * The documents of the Requests DB. Payloads, outputs and outcomes are JSON text, never sub-documents: no key chosen by a
 * client can mean anything to the database.
 */

export type RequestDocument = { _id: string; payload: string; processor?: string; creation_date: string };

/** `_id` is `executionKey(request_id, attempt)`. `mark` exists exactly while something must be published or confirmed. */
export type ExecutionDocument = Omit<Execution, "outcome"> & {
  _id: string;
  result_id?: string;
  /** The outcome without its outputs. */
  outcome?: string | undefined;
  outputs?: string;
};

/** Outputs are large and rarely needed. */
export const withoutOutputs = { outputs: 0 };

/** `_id` begins with the request's id, so that the database can be sharded by request. */
export type RefusalDocument = Refusal & { _id: string };

export type WorkerDocument = Omit<Worker, "id"> & { _id: string };

export function requestDocument({ id, payload_json, ...rest }: RequestRecord): RequestDocument {
  return { _id: id, payload: payload_json, ...rest };
}

export function requestOf({ _id, payload, ...rest }: RequestDocument): RequestRecord {
  return { id: _id, payload_json: payload, ...rest };
}

/** The document of a new execution, which has no outcome. */
export function executionDocument(execution: Execution): ExecutionDocument {
  return { _id: idOf(execution), ...execution, outcome: undefined };
}

export function executionOf(document: ExecutionDocument): Execution {
  const { _id, result_id, outcome, outputs, ...execution } = document;
  return outcome === undefined ? execution : { ...execution, outcome: joinedOutcome(outcome, outputs) };
}

export function idOf({ request_id, attempt }: ExecutionKey): string {
  return executionKey(request_id, attempt);
}

/** The reverse of `idOf`. */
export function keyOf(_id: string): ExecutionKey {
  const colon = _id.lastIndexOf(":");
  return { request_id: _id.slice(0, colon), attempt: Number(_id.slice(colon + 1)) };
}

/** The fields that a final execution gets. */
export function outcomeFields(outcome: Outcome) {
  const { text, outputs } = splitOutcome(outcome);
  const { status, result_id } = outcome;
  return { status, result_id, outcome: text, ...(outputs !== null && { outputs }) };
}

export function workerOf({ _id, ...worker }: WorkerDocument): Worker {
  return { id: _id, ...worker };
}
