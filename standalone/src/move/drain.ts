import { outcomeMark, type RequestsApi } from "@sate/contracts";
import { runRefOf, type Store } from "@sate/requests-service";

const pageSize = 500;
const lookMs = 50;
/** Outcomes that are not published by then are published by the new system. */
const publishMs = 5_000;

/**
 * Ends all runs, as a clean stop does: the processor of this process stops, remote workers get the same time to finish,
 * and runs that have not ended by then are requeued. Meanwhile the services keep publishing and recording outcomes. Safe
 * to repeat. Returns early when `stopping` is aborted.
 */
export async function drain(parts: {
  store: Pick<Store, "runs" | "outbox">;
  requests: Pick<RequestsApi, "handBack">;
  stopProcessor: () => Promise<void>;
  deadlineMs: number;
  stopping: AbortSignal;
}): Promise<void> {
  const { store, stopProcessor, deadlineMs, stopping } = parts;
  const none = async () => (await store.runs.running({ limit: 1 })).length === 0;
  await Promise.all([stopProcessor(), until(none, { deadlineMs, stopping })]);
  await requeueRunning(parts);
  // Outcomes sort before everything else that must be published.
  const published = async () => (await store.outbox.marked({ limit: 1 }))[0]?.mark !== outcomeMark;
  await until(published, { deadlineMs: publishMs, stopping });
}

/** Requeues what still runs, or ends it if its cancellation was requested. It does not count as lost. */
export async function requeueRunning({
  store,
  requests,
}: {
  store: Pick<Store, "runs">;
  requests: Pick<RequestsApi, "handBack">;
}): Promise<void> {
  for (;;) {
    const running = await store.runs.running({ limit: pageSize });
    if (running.length === 0) return;
    const { handed_back } = await requests.handBack({ runs: running.map(runRefOf) });
    if (handed_back === 0) return;
  }
}

async function until(
  isDone: () => Promise<boolean>,
  { deadlineMs, stopping }: { deadlineMs: number; stopping: AbortSignal },
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!stopping.aborted && performance.now() < end && !(await isDone())) await Bun.sleep(lookMs);
}
