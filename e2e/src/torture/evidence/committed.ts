import { headerNames, topics } from "@sate/contracts";
import { kafkaLog, type ReadRecord } from "../../system/kafka.ts";
import { every } from "../every.ts";
import type { Nemesis } from "../faults/fault.ts";
import type { Ref } from "./store.ts";

const everyMs = 15_000;
/** Of each partition. */
const recordsMost = 100;

/**
 * Looks now and then at the last records that the groups have committed: of each the database must know, at that very
 * moment, since nobody reads it again. Malformed ones are looked at in the end.
 */
export function watchCommitted({ system, store, skipped }: Nemesis) {
  const unknown: string[] = [];
  let looked = 0;

  async function look(): Promise<void> {
    const records = (await kafkaLog(system.kafka()).committed(recordsMost)).filter(
      ({ topic, partition, offset }) => BigInt(offset) >= (skipped.get(`${topic}/${partition}`) ?? 0n),
    );
    for (const kind of ["executions", "results"] as const) {
      const those = records.filter(({ topic }) => (topic === topics.executions) === (kind === "executions"));
      const refs = those.flatMap((record) => refOf(record) ?? []);
      const missing = await store.unknown(kind, refs);
      looked += refs.length;
      unknown.push(
        ...missing.map(
          ({ request_id, attempt }) =>
            `the record of ${request_id}, ${attempt}, was committed and is not in ${kind}`,
        ),
      );
    }
  }

  const looking = every(everyMs, look);
  return {
    async stop() {
      await looking.stop();
      return { looked, unknown };
    },
  };
}

/** Of a record that speaks of an execution; one that was refused never came to be. */
function refOf({ value, headers }: ReadRecord): Ref | undefined {
  if (headers["x-torture"] || headers[headerNames.reason] === "max_failures") return undefined;
  try {
    const record = JSON.parse(String(value));
    const { processing_request, attempt } = record.execution ?? record;
    if (typeof processing_request.id !== "string" || !Number.isInteger(attempt)) return undefined;
    return { request_id: processing_request.id, attempt };
  } catch {
    return undefined;
  }
}
