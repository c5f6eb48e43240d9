import { describe, expect, test } from "bun:test";
import { defaultProcessor, type ProcessorAnnouncement, type RequestsApi } from "@sate/contracts";
import { newId } from "../../builders.ts";

/** What is needed to announce processors, to read them, and to withdraw them. */
type AnnouncementsApi = Pick<
  RequestsApi,
  "registerWorker" | "endWorker" | "listProcessors" | "getProcessor" | "withdrawProcessor"
>;

/** What every implementation of these operations must do, without anything announced. */
export function announcementsApiConformance(name: string, make: () => AnnouncementsApi): void {
  const announcementOf = (
    name: string,
    parts: Partial<ProcessorAnnouncement> = {},
  ): ProcessorAnnouncement => {
    return { name, kind: "module", timeout_seconds: 60, ...parts };
  };

  function given() {
    const api = make();
    /** A registered worker that serves these. */
    async function worker(...processors: ProcessorAnnouncement[]): Promise<string> {
      const worker_id = newId();
      await api.registerWorker({ worker_id, name: "gpu-1", processors });
      return worker_id;
    }
    async function found(name: string) {
      const answer = await api.getProcessor({ name });
      if (answer.kind !== "found") throw new Error(`it is unknown: ${answer.known}`);
      return answer.processor;
    }
    return { api, worker, found };
  }

  describe(`${name}: announcements of processors`, () => {
    test("the simulation is known without an announcement, and cannot be withdrawn", async () => {
      const { api, found } = given();
      expect(await found(defaultProcessor)).toMatchObject({
        kind: "simulation",
        announced_at: 0,
        workers: [],
      });
      expect(await api.withdrawProcessor({ name: defaultProcessor })).toEqual({ kind: "served" });
      expect(await api.getProcessor({ name: "p" })).toEqual({
        kind: "unknown_processor",
        known: [defaultProcessor],
      });
    });

    test("an announcement is known at once, with the workers that serve it; the newest one counts", async () => {
      const { api, worker, found } = given();
      const retry = { tries: 3, first_seconds: 1, max_seconds: 10 };
      const input_json = '{"type":"object"}';
      const a = announcementOf("a", { version: "1", input_json, concurrency: 2, retry });
      const one = await worker(a, announcementOf("b"));
      expect(await found("a")).toMatchObject({ ...a, workers: [{ id: one, name: "gpu-1" }] });
      const two = await worker(announcementOf("a", { version: "2" }));
      const newer = await found("a");
      expect(newer).toMatchObject({ version: "2" });
      expect([newer.input_json, newer.retry]).toEqual([undefined, undefined]);
      expect(newer.workers.map(({ id }) => id).toSorted()).toEqual([one, two].toSorted());
      const { processors } = await api.listProcessors({});
      expect(processors.map(({ name }) => name)).toEqual(["a", "b", defaultProcessor]);
    });

    test("a repeated registration replaces the processors of the worker", async () => {
      const { api, worker, found } = given();
      const worker_id = await worker(announcementOf("a"), announcementOf("b"));
      await api.registerWorker({ worker_id, processors: [announcementOf("b")] });
      expect([(await found("a")).workers.length, (await found("b")).workers.length]).toEqual([0, 1]);
    });

    test("an announcement outlives its worker, until it is withdrawn; then it is unknown until it is announced again", async () => {
      const { api, worker, found } = given();
      const worker_id = await worker(announcementOf("a"));
      expect(await api.withdrawProcessor({ name: "a" })).toEqual({ kind: "served" });
      await api.endWorker({ worker_id });
      expect((await found("a")).workers).toEqual([]);
      expect(await api.withdrawProcessor({ name: "a" })).toEqual({ kind: "withdrawn" });
      const unknown = { kind: "unknown_processor", known: [defaultProcessor] };
      expect(await api.getProcessor({ name: "a" })).toEqual(unknown as never);
      expect(await api.withdrawProcessor({ name: "never" })).toEqual(unknown as never);
      await worker(announcementOf("a"));
      expect((await found("a")).workers).toHaveLength(1);
    });
  });
}
