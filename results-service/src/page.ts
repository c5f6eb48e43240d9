import type { ResultRecord } from "@sate/contracts";
import type { Bounds, Page } from "./ports.ts";

/** A page that is being filled, so that nothing is read that has no room on it. Pure. */
export type OpenPage = {
  /** Offers the next result; `false` when there is no room for it: then it and whatever follows are `more`. */
  take(result: ResultRecord): boolean;
  read(): Page;
};

export function openPage({ limit, bytesMax }: Bounds): OpenPage {
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
