import { type ResultDocument, type ResultRow, resultOf } from "@sate/contracts";
import { fitting } from "@sate/contracts/runtime";
import type { Bounds, Page } from "./ports.ts";

type Stored = ResultDocument | ResultRow;

const sizeOf = ({ payload, outputs }: Stored) => Buffer.byteLength(payload) + Buffer.byteLength(outputs);

/** The first of the stored results that fit together. Of those after them one is read, no more. */
export async function pageOf(
  stored: Iterable<Stored> | AsyncIterable<Stored>,
  { limit, bytesMax }: Bounds,
): Promise<Page> {
  const fits = fitting({ itemsMax: limit, sizeMax: bytesMax, sizeOf });
  const page: Page = { results: [], more: false };
  for await (const result of stored) {
    page.more = !fits(result);
    if (page.more) break;
    page.results.push(resultOf(result));
  }
  return page;
}
