import type { ResultRecord } from "@sate/contracts";
import type { Bounds, Page } from "./ports.ts";

/** A page that is filled result by result, so that no more are read than fit. */
export type PageWithinBytes = {
  /** Adds the next result and returns `true`, unless it does not fit: then there are `more`. */
  take(result: ResultRecord): boolean;
  read(): Page;
};

export function pageWithinBytes({ limit, bytesMax }: Bounds): PageWithinBytes {
  const results: ResultRecord[] = [];
  let bytes = 0;
  let more = false;
  return {
    take(result) {
      bytes += Buffer.byteLength(result.payload_json) + Buffer.byteLength(result.outputs_json);
      more ||= results.length >= limit || (results.length > 0 && bytes > bytesMax);
      if (!more) results.push(result);
      return !more;
    },
    read: () => ({ results, more }),
  };
}
