import type { IncomingRecord, Topic } from "@sate/contracts";
import { inTime } from "../in-time.ts";
import { errorFields, type Log } from "../log.ts";
import type { LogFile } from "../log-file.ts";

const recordsAtOnce = 500;
const bytesAtOnce = 16 * 1024 * 1024;
const retryMs = { first: 50, most: 5_000 };
const stopMs = 5_000;

/**
 * The services' `Consumer` on the log file. Topics have one partition, so of the members of a group one is
 * at work and the others stand by until it stops. States of a member:
 *
 *     idle ──a record was appended──▶ handling ──resolved──▶ commit, read on
 *                                        │ ▲
 *                                     rejected, a pause, the same records again
 */
export function sqliteConsumer(
  file: LogFile,
  options: { groupId: string; topics: readonly Topic[]; log: Log },
) {
  const { groupId, topics, log } = options;
  const members = file.members(groupId);
  const stopping = new AbortController();
  const positions = new Map<Topic, number>();
  let handle: (records: IncomingRecord[]) => Promise<void> = async () => {};
  let underWay: Promise<void> | null = null;
  let unsubscribe = () => {};

  function next(): IncomingRecord[] {
    return topics.flatMap((topic) => {
      const offset = positions.get(topic) ?? file.committed(groupId, topic);
      positions.set(topic, offset);
      return file.read(topic, offset, recordsAtOnce, bytesAtOnce);
    });
  }

  async function handleAll(): Promise<void> {
    let pause = retryMs.first;
    for (let records = next(); records.length > 0 && !stopping.signal.aborted; records = next()) {
      try {
        await handle(records);
        pause = retryMs.first;
        for (const { topic, offset } of records) positions.set(topic as Topic, Number(offset) + 1);
        for (const [topic, offset] of positions) file.commit(groupId, topic, offset);
      } catch (error) {
        log.warn("could not handle records; they are tried again", {
          records: records.length,
          ...errorFields(error),
        });
        await pauseOrEnd(pause * (0.5 + Math.random() / 2), stopping.signal);
        pause = Math.min(pause * 2, retryMs.most);
      }
    }
  }

  function wake(): void {
    if (underWay || stopping.signal.aborted || members.values().next().value !== wake) return;
    underWay = handleAll().finally(() => {
      underWay = null;
      // What was appended between the last look and now.
      if (!stopping.signal.aborted && next().length > 0) wake();
    });
  }

  return {
    async start(handler: (records: IncomingRecord[]) => Promise<void>): Promise<void> {
      if (stopping.signal.aborted) return;
      handle = handler;
      members.add(wake);
      unsubscribe = file.subscribe(wake);
      wake();
    },
    async stop(): Promise<void> {
      if (stopping.signal.aborted) return;
      stopping.abort();
      unsubscribe();
      await inTime(underWay ?? Promise.resolve(), stopMs).catch(() =>
        log.warn("a handler did not end in time"),
      );
      members.delete(wake);
      members.values().next().value?.();
    },
    complaint: (): string | null => null,
  };
}

function pauseOrEnd(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
