import { pagesOf } from "../pages.ts";
import type { Store, Worker } from "../ports.ts";

const pageSize = 500;

/** The workers whose lease has not expired. */
export async function liveWorkers({ workers }: Pick<Store, "workers">): Promise<Worker[]> {
  const pages = await Array.fromAsync(pagesOf(workers.list, pageSize));
  return pages.flat().filter(({ given_up }) => !given_up);
}
