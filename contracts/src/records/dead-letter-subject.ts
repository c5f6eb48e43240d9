import { Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Uuid } from "../values/ids.ts";
import { open } from "../values/object.ts";
import type { DeadLetterReason } from "./dead-letter.ts";
import { headerNames, headerOf, oneLine } from "./headers.ts";
import { readOutcome } from "./outcome.ts";
import { readMessage } from "./read-message.ts";
import type { IncomingRecord } from "./record.ts";

/** What a dead letter is about; `null` where its record does not say. A refused attempt never became an execution. */
export type DeadLetterSubject = {
  request_id: string | null;
  attempt: number | null;
  execution_id: string | null;
  processor: string | null;
};

const checkRefused = TypeCompiler.Compile(
  Type.Object({ processing_request: Type.Object({ id: Uuid }, open) }, open),
);
const nothing: DeadLetterSubject = { request_id: null, attempt: null, execution_id: null, processor: null };
/** The queue may contain anything; names of processors are shorter. */
const processorCharsMax = 100;

/** Reads what a record of the dead letter queue is about. Pure, and never throws, because the queue may contain anything. */
export function deadLetterSubject(record: IncomingRecord): DeadLetterSubject {
  switch (headerOf(record, headerNames.reason) as DeadLetterReason | undefined) {
    case "unexpected_error":
    case "lost": {
      const reading = readOutcome(record);
      if (reading.kind === "unreadable") return nothing;
      const { request_id, attempt, execution_id, processor } = reading.record;
      return { request_id, attempt, execution_id, processor: nameOf(processor) };
    }
    case "max_failures": {
      const reading = readMessage(record, checkRefused);
      if (reading.kind === "unreadable") return nothing;
      const processor = nameOf(headerOf(record, headerNames.processor));
      return { ...nothing, request_id: reading.message.processing_request.id, processor };
    }
    default:
      return nothing;
  }
}

function nameOf(processor: string | undefined): string | null {
  return processor === undefined ? null : oneLine(processor, processorCharsMax);
}
