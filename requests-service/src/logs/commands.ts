import { type ExecutionKey, executionKey, type LogChunk, limits, type RequestsApi } from "@sate/contracts";
import { isRemoved } from "../executions/admission.ts";
import type { Execution } from "../executions/execution.ts";
import type { Ports } from "../ports.ts";
import { countChunks, runNameOf } from "./accept.ts";
import type { StoredChunk } from "./port.ts";

/** Per page, whatever their size. */
const chunksPerPage = 1_000;

/** Storing and reading the logs of runs. */
export function logCommands({ store, counters }: Pick<Ports, "store" | "counters">) {
  /** Those of runs that exist: of an execution, up to its last run. */
  async function existing(chunks: LogChunk[]): Promise<LogChunk[]> {
    const stored = await store.executions.get(chunks);
    const byKey = new Map(stored.map((execution) => [nameOf(execution), execution]));
    return chunks.filter((chunk) => {
      const execution = byKey.get(nameOf(chunk));
      if (execution?.id !== chunk.execution_id || execution.removed_at !== undefined) return false;
      return chunk.epoch <= execution.epoch;
    });
  }

  /** What is stored of each run before the first of these chunks, which are in the order of their sequence. */
  async function totalsBefore(chunks: LogChunk[]): Promise<Map<string, number | null>> {
    const firsts = new Map(chunks.toReversed().map((chunk) => [runNameOf(chunk), chunk]));
    const totals = await store.logs.totalsBefore([...firsts.values()]);
    return new Map([...firsts.keys()].map((run, index) => [run, totals[index] ?? null]));
  }

  return {
    async appendLogs({ chunks }) {
      const wanted = (await existing(chunks)).toSorted((a, b) => a.sequence - b.sequence);
      const counted = countChunks(wanted, await totalsBefore(wanted));
      await store.logs.append(counted.map(fieldsOf));
      counters.add("log_chunks_stored", counted.length);
      counters.add("log_chunks_refused", chunks.length - counted.length);
      return {};
    },

    async readLog({ request_id, execution_id, epoch, after }) {
      const found = await executionOf(request_id, execution_id);
      if (typeof found === "string") return { kind: found };
      const { chunks, isCut } = await store.logs.read({
        ...{ request_id, attempt: found.attempt, epoch, after },
        ...{ limit: chunksPerPage, bytesMax: limits.pageBytesMax },
      });
      return { kind: "found", chunks: chunks.map(chunkOf), more: isCut };
    },

    async followLogs({ executions }) {
      const bytes = { bytesEach: limits.followBytesMax, bytesMax: limits.pageBytesMax };
      const logs = await store.logs.follow(executions, bytes);
      return {
        logs: executions.map(({ execution_id }, index) => {
          const { chunks = [], isCut = false } = logs[index] ?? {};
          const own = chunks.filter((chunk) => chunk.execution_id === execution_id);
          return { chunks: own.map(chunkOf), more: isCut };
        }),
      };
    },
  } satisfies Partial<RequestsApi>;

  async function executionOf(
    request_id: string,
    id: string,
  ): Promise<Execution | "unknown_request" | "unknown_execution" | "removed"> {
    const executions = (await store.executions.ofRequests([request_id])).get(request_id) ?? [];
    if (isRemoved(executions)) return "removed";
    const found = executions.find((execution) => execution.id === id);
    if (found) return found;
    const isKnown = (await store.requests.get([request_id])).has(request_id);
    return isKnown ? "unknown_execution" : "unknown_request";
  }
}

const nameOf = ({ request_id, attempt }: ExecutionKey) => executionKey(request_id, attempt);

/** Field by field: bodies are open, and unknown fields are not stored. */
function fieldsOf(chunk: Omit<StoredChunk, "written_at">): Omit<StoredChunk, "written_at"> {
  const { request_id, attempt, execution_id, epoch, sequence, text, total } = chunk;
  return { request_id, attempt, execution_id, epoch, sequence, text, total };
}

function chunkOf({ request_id, attempt, execution_id, epoch, sequence, text }: StoredChunk): LogChunk {
  return { request_id, attempt, execution_id, epoch, sequence, text };
}
