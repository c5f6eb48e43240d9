import type { Admission, RequestRecord, Start, StartAdmission } from "@sate/contracts";
import { errorFields, failpoint, inParts } from "@sate/contracts/runtime";
import type { Admissions } from "../executions/create.ts";
import { pagesOf } from "../pages.ts";
import type { Ports, Starting } from "../ports.ts";

/**
 * Start marks: executions that were accepted together with their request.
 *
 * - The fast path: `start`, right after the request was stored. The marks are cleared a little later, many at once, and
 *   nothing waits for it.
 * - The safe path: `sweep` starts what an earlier sweep of this process has seen and what is still marked: the process
 *   that stored the request has died. No clocks are compared.
 */
export type Starts = {
  /** Creates the execution of each, and has their marks cleared. */
  start(starting: { request: RequestRecord; start: Start }[]): Promise<StartAdmission[]>;
  /** Rejects when the database does not respond; the next sweep continues. */
  sweep(): Promise<void>;
  /** Clears the marks that wait for it. Those of a failure are left to the sweep. */
  flush(): Promise<void>;
};

const clearPauseMs = 500;
const pageSize = 1_000;
const startsPerSweep = 20_000;
/** Held in memory at once, with their payloads. */
const loadedAtOnce = 32;

export function createStarts(
  { store, counters, log }: Pick<Ports, "store" | "counters" | "log">,
  { startAll }: Pick<Admissions, "startAll">,
): Starts {
  const started: Starting[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();

  /** One write at a time, with everything started meanwhile. */
  function clear(): Promise<void> {
    if (clearTimer !== null) clearTimeout(clearTimer);
    clearTimer = null;
    clearing = clearing.then(async () => {
      const done = started.splice(0);
      if (done.length === 0) return;
      await store.requests.clearStarts(done).catch((error) => {
        log.warn("clearing start marks failed; the sweep of start marks will clear them", errorFields(error));
      });
    });
    return clearing;
  }

  async function start(starting: { request: RequestRecord; start: Start }[]): Promise<StartAdmission[]> {
    if (starting.length === 0) return [];
    const admissions = await startAll(starting);
    failpoint("requests-service.started");
    // Whatever the admission: the first attempt exists now.
    for (const { request, start } of starting) {
      if (request.start) started.push({ request_id: request.id, execution_id: start.execution_id });
    }
    if (started.length > 0) clearTimer ??= setTimeout(clear, clearPauseMs);
    return admissions.map(withoutRequest);
  }

  return {
    start,

    async sweep() {
      const seen = new Set<string>();
      for await (const page of pagesOf(store.requests.starting, pageSize, startsPerSweep)) {
        const old = page.filter(({ request_id }) => seenBefore.has(request_id));
        for (const part of inParts(old, { itemsMax: loadedAtOnce })) {
          const found = await store.requests.get(part.map(({ request_id }) => request_id));
          const still = [...found.values()].flatMap((request) =>
            request.start ? { request, start: request.start } : [],
          );
          await start(still);
          counters.add("starts_swept", still.length);
        }
        for (const { request_id } of page) seen.add(request_id);
      }
      seenBefore = seen;
      await clear();
    },

    flush: clear,
  };
}

function withoutRequest(admission: Admission): StartAdmission {
  if (admission.kind !== "created") return admission;
  const { request: _, ...rest } = admission;
  return rest;
}
