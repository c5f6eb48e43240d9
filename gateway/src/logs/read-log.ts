import type { LogChunk } from "@sate/contracts";
import { unknownId } from "../http/parameters.ts";
import type { Uris } from "../http/uris.ts";
import type { Ports } from "../ports.ts";
import { printable } from "./printable.ts";

type Wanted = {
  request_id: string;
  execution_id: string;
  /** The run; without it, all runs in order. */
  epoch?: number | undefined;
  /** `<epoch>.<sequence>` of the last chunk of the previous page. */
  cursor?: string | undefined;
};

/**
 * A page of the log of an execution as text, with a link to the next page. Control characters are escaped. A
 * separator line begins the log of each run but the first.
 */
export async function logResponse(
  { requests, uris }: Pick<Ports, "requests"> & { uris: Uris },
  { request_id, execution_id, epoch, cursor }: Wanted,
): Promise<Response> {
  const after = cursor ? positionOf(cursor) : undefined;
  const page = await requests.readLog({
    ...{ request_id, execution_id },
    ...(epoch !== undefined && { epoch }),
    ...(after !== undefined && { after }),
  });
  if (page.kind !== "found") throw unknownId(page.kind);
  const last = page.chunks.at(-1);
  const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8" };
  if (page.more && last !== undefined) {
    const query = `${epoch === undefined ? "" : `epoch=${epoch}&`}cursor=${last.epoch}.${last.sequence}`;
    headers.link = `<${uris.executionLog(request_id, execution_id)}?${query}>; rel="next"`;
  }
  return new Response(textOf(page.chunks, after?.epoch), { headers });
}

function textOf(chunks: LogChunk[], epochBefore: number | undefined): string {
  let text = "";
  let current = epochBefore;
  for (const chunk of chunks) {
    if (current !== undefined && chunk.epoch !== current) {
      // A lost run may have ended in the middle of a line.
      text += `${text === "" || text.endsWith("\n") ? "" : "\n"}--- run ${chunk.epoch} ---\n`;
    }
    current = chunk.epoch;
    text += printable(chunk.text);
  }
  return text;
}

function positionOf(cursor: string) {
  const [epoch = 0, sequence = 0] = cursor.split(".").map(Number);
  return { epoch, sequence };
}
