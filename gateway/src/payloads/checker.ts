import type { Check, Checked } from "./check.ts";

/**
 * - unchecked: the check took too long, or an earlier one with the same schema did within the last minute.
 */
export type CheckEnd = Checked | { kind: "unchecked" };

/** Far longer than any reasonable check: the largest payload takes about 20 ms. */
const deadlineMsDefault = 2_000;
/** How long a schema that took too long is not applied. */
const avoidedMsDefault = 60_000;
const avoidedMax = 100;

type Job = Check & { resolve: (end: CheckEnd) => void };

/**
 * Checks payloads in a thread of its own, one at a time. A schema can demand any amount of work: by a pattern that
 * backtracks, references that multiply, or unique items. So a check that takes too long is ended with its thread, the
 * next check starts a new thread, and the schema is not applied for a while. The first check starts the thread, which
 * takes about 10 ms; a small check takes about 15 µs. Callers must limit how many checks wait. Never rejects.
 */
export function createPayloadChecker({ deadlineMs = deadlineMsDefault, avoidedMs = avoidedMsDefault } = {}) {
  const waiting: Job[] = [];
  const avoidedUntil = new Map<string, number>();
  let thread: Worker | undefined;
  let current: Job | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const isAvoided = (schema: string) => (avoidedUntil.get(schema) ?? 0) > performance.now();

  function begin(): void {
    current = waiting.shift();
    if (current === undefined) return;
    const { schema, payload } = current;
    if (isAvoided(schema)) {
      end({ kind: "unchecked" });
      return;
    }
    thread ??= startThread();
    timer = setTimeout(abort, deadlineMs);
    thread.postMessage({ schema, payload } satisfies Check);
  }

  function end(how: CheckEnd): void {
    clearTimeout(timer);
    current?.resolve(how);
    begin();
  }

  /** The check has taken too long or crashed its thread, for example by running out of memory. */
  function abort(): void {
    thread?.terminate();
    thread = undefined;
    if (current === undefined) return;
    avoidedUntil.delete(current.schema);
    avoidedUntil.set(current.schema, performance.now() + avoidedMs);
    if (avoidedUntil.size > avoidedMax) avoidedUntil.delete(avoidedUntil.keys().next().value ?? "");
    end({ kind: "unchecked" });
  }

  function startThread(): Worker {
    const started = new Worker(new URL("./thread.ts", import.meta.url));
    // Messages of a thread that has been terminated are ignored.
    started.onmessage = ({ data }) => started === thread && end(data as Checked);
    started.onerror = () => started === thread && abort();
    // The thread must not keep the process alive.
    started.unref();
    return started;
  }

  return (check: Check): Promise<CheckEnd> =>
    new Promise((resolve) => {
      waiting.push({ ...check, resolve });
      if (current === undefined) begin();
    });
}

export type PayloadChecker = ReturnType<typeof createPayloadChecker>;
