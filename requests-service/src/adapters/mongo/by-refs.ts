import type { ExecutionRef } from "@sate/contracts";
import type { EndedRun } from "../../executions/execution.ts";
import type { MongoAccess } from "./access.ts";
import { type ExecutionDocument, idOf, withoutOutputs } from "./documents.ts";

/** The execution that each reference names, or `undefined` if it does not exist. */
export async function byRefs(
  { executions }: MongoAccess,
  refs: ExecutionRef[],
): Promise<(ExecutionDocument | undefined)[]> {
  const keys = [...new Set(refs.map(idOf))];
  const found = await executions.find({ _id: { $in: keys } }, { projection: withoutOutputs }).toArray();
  const byKey = new Map(found.map((document) => [document._id, document]));
  return refs.map((ref) => {
    const document = byKey.get(idOf(ref));
    return document?.id === ref.execution_id ? document : undefined;
  });
}

/** Whether each of these ended with its outcome, as they are now. */
export async function endsOf(
  access: MongoAccess,
  ended: EndedRun[],
): Promise<("stored" | "refused" | "unknown")[]> {
  const now = await byRefs(access, ended);
  return ended.map(({ outcome }, index) => {
    const document = now[index];
    if (!document) return "unknown";
    return document.result_id === outcome.result_id ? "stored" : "refused";
  });
}
