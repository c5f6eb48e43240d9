import { fitting } from "@sate/contracts/runtime";
import type { Collection } from "mongodb";
import { chunkBytes, type FollowBytes, type Followed, type StoredChunk } from "../../logs/port.ts";
import { chunkOf, idOf, type LogDocument } from "./documents.ts";

/** Per call, whatever their size. */
const chunksMax = 1_000;
/** Before the first chunk of an execution. */
const start = { epoch: 0, sequence: 0 };

/** See `Logs.follow`. One command reads the chunks of all executions; an execution may be in the call twice. */
export async function followLogs(
  logs: Collection<LogDocument>,
  executions: Followed[],
  { bytesEach, bytesMax }: FollowBytes,
): Promise<{ chunks: StoredChunk[]; isCut: boolean }[]> {
  if (executions.length === 0) return [];
  const wanted = executions.map(({ after = start, ...execution }) => {
    const fits = fitting({ sizeMax: bytesEach, sizeOf: chunkBytes });
    return { key: idOf(execution), after, fits, chunks: [] as StoredChunk[], isCut: false };
  });
  const byKey = Map.groupBy(wanted, ({ key }) => key);
  const found = logs
    .find(
      {
        $or: wanted.flatMap(({ key, after: { epoch, sequence } }) => [
          { key, epoch, sequence: { $gt: sequence } },
          { key, epoch: { $gt: epoch } },
        ]),
      },
      { batchSize: chunksMax + 1 },
    )
    .sort({ key: 1, epoch: 1, sequence: 1 })
    .limit(chunksMax);
  let count = 0;
  let bytes = 0;
  let isCutHere = false;
  // The end of the loop closes the cursor.
  for await (const document of found) {
    const chunk = chunkOf(document);
    for (const one of byKey.get(document.key) ?? []) {
      const { epoch, sequence } = one.after;
      if (chunk.epoch < epoch || (chunk.epoch === epoch && chunk.sequence <= sequence)) continue;
      if (!one.isCut && one.fits(chunk)) one.chunks.push(chunk);
      else one.isCut = true;
    }
    bytes += chunkBytes(document);
    isCutHere = ++count === chunksMax || bytes > bytesMax;
    if (isCutHere) break;
  }
  return wanted.map(({ chunks, isCut }) => ({ chunks, isCut: isCut || isCutHere }));
}
