import {
  type ExecutionKey,
  executionKey,
  labelsOf,
  labelTexts,
  type Outcome,
  type RequestRecord,
} from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { StoredKey } from "../../keys/port.ts";
import type { LogPosition, StoredChunk } from "../../logs/port.ts";
import type { Refusal, RefusalKey, Worker } from "../../ports.ts";
import type { KnownProcessor } from "../../processors/port.ts";
import type { Schedule } from "../../schedules/port.ts";
import {
  joinedAnnouncement,
  joinedOutcome,
  parsed,
  splitAnnouncement,
  splitOutcome,
  textOf,
} from "../stored.ts";
import type { StoredWebhook } from "../stored-webhook.ts";

/**
 * The documents of the Requests DB. Payloads, outputs and outcomes are JSON text, never sub-documents: no key chosen by a
 * client can mean anything to the database. Labels are lists of texts, `name=value`: an index on the field has an entry for
 * each of them.
 */

export type RequestDocument = Omit<RequestRecord, "id" | "payload_json" | "labels"> & {
  _id: string;
  payload: string;
  labels?: string[];
};

/** `_id` is `executionKey(request_id, attempt)`. `mark` exists exactly while something must be published or confirmed. */
export type ExecutionDocument = Omit<Execution, Texts | "tries" | "labels"> & {
  [name in Texts]?: string | undefined;
} & {
  _id: string;
  labels?: string[] | undefined;
  tries?: number;
  result_id?: string;
  outputs?: string;
};
/** JSON text. An outcome is stored without its outputs. */
type Texts = "outcome" | "progress" | "last_error";

/** Outputs are large and rarely needed. */
export const withoutOutputs = { outputs: 0 };

/** `_id` begins with the request's id, so that the database can be sharded by request. */
export type RefusalDocument = Refusal & { _id: string };

/** Workers of version 0.1.0 have no `processors`. */
export type WorkerDocument = Omit<Worker, "id" | "processors"> & { _id: string; processors?: string[] };

/** `_id` is the name. The announcement is JSON text without the input schema, which can be large and is rarely needed. */
export type ProcessorDocument = Omit<KnownProcessor, "announcement"> & {
  _id: string;
  announcement: string;
  input?: string;
};

/** `_id` is the run and the sequence. `key` is the key of the execution, by which logs are read. */
export type LogDocument = Omit<StoredChunk, "request_id" | "attempt"> & { _id: string; key: string };

/** `_id` is the hash of the key. `at`: when it was stored. */
export type KeyDocument = Omit<StoredKey, "hash"> & { _id: string; at: number };

export type WebhookDocument = StoredWebhook & { _id: string };
/** Labels and the error are JSON text. */
export type ScheduleDocument = Omit<Schedule, "id" | "labels" | "last_error"> & {
  _id: string;
  labels?: string;
  last_error?: string;
};

export function requestDocument({ id, payload_json, labels, ...rest }: RequestRecord): RequestDocument {
  return { _id: id, payload: payload_json, ...rest, ...(labels && { labels: labelTexts(labels) }) };
}

export function requestOf({ _id, payload, labels, ...rest }: RequestDocument): RequestRecord {
  return { id: _id, payload_json: payload, ...rest, ...(labels && { labels: labelsOf(labels) }) };
}

export function executionDocument(execution: Execution): ExecutionDocument {
  const { outcome, ...rest } = execution;
  return {
    _id: idOf(execution),
    ...rest,
    progress: textOf(rest.progress),
    last_error: textOf(rest.last_error),
    labels: rest.labels && labelTexts(rest.labels),
    ...(outcome && outcomeFields(outcome)),
  };
}

/** Executions that ended in version 0.1.0 have no number of tries and no processor until fill.ts gives them both. */
export function executionOf(document: ExecutionDocument): Execution {
  const { _id, result_id, outcome, outputs, progress, last_error, labels, ...rest } = document;
  const texts = parsed({ progress, last_error });
  const execution = { tries: 0, ...rest, ...texts, ...(labels && { labels: labelsOf(labels) }) };
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

export function refusalId({ request_id, id }: RefusalKey): string {
  return `${request_id}:${id}`;
}

export function refusalDocument(refusal: Refusal): RefusalDocument {
  return { _id: refusalId(refusal), ...refusal };
}

export function refusalOf({ _id, ...refusal }: RefusalDocument): Refusal {
  return refusal;
}

export function workerOf({ _id, processors = [], ...worker }: WorkerDocument): Worker {
  return { id: _id, ...worker, processors };
}

export function processorDocument({ announcement, ...rest }: KnownProcessor): ProcessorDocument {
  const { text, input } = splitAnnouncement(announcement);
  return { _id: announcement.name, announcement: text, ...(input !== null && { input }), ...rest };
}

export function knownProcessorOf({ _id, announcement, input, ...rest }: ProcessorDocument): KnownProcessor {
  return { announcement: joinedAnnouncement(announcement, input), ...rest };
}

type ChunkKey = ExecutionKey & LogPosition;

export function chunkId({ epoch, sequence, ...key }: ChunkKey): string {
  return `${idOf(key)}:${epoch}:${sequence}`;
}

export function logDocument({ request_id, attempt, ...chunk }: StoredChunk): LogDocument {
  const key = { request_id, attempt };
  return { _id: chunkId({ ...key, ...chunk }), key: idOf(key), ...chunk };
}

export function chunkOf({ _id, key, ...chunk }: LogDocument): StoredChunk {
  return { ...keyOf(key), ...chunk };
}

export function keyDocument(
  { hash, request_id, execution_id, body_hash }: StoredKey,
  at: number,
): KeyDocument {
  return { _id: hash, request_id, ...(execution_id !== undefined && { execution_id }), body_hash, at };
}

export function storedKeyOf({ _id, at, ...rest }: KeyDocument): StoredKey {
  return { hash: _id, ...rest };
}
