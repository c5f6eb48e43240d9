import { describe, expect, test } from "bun:test";
import { type ExecutionRef, executionMark, outcomeMark, type Run, type WorkerApi } from "@sate/contracts";
import { madeOutcome, newId } from "../../builders.ts";

/** What processors need of requests-service, without anything stored. */
export type ProcessorApiUnderTest = {
  api: WorkerApi;
  /** Stores a queued execution, of the default processor unless another is named. */
  queue(processor?: string): Promise<ExecutionRef>;
  /** Asks to cancel an execution. */
  cancel(ref: ExecutionRef): Promise<void>;
  /** Expires the lease of a worker and requeues its runs. */
  expire(workerId: string): Promise<void>;
};

/** What every implementation of the operations for processors must do. */
export function processorApiConformance(name: string, make: () => ProcessorApiUnderTest): void {
  async function given() {
    const under = make();
    const { api } = under;
    async function worker(): Promise<string> {
      const worker_id = newId();
      await api.registerWorker({ worker_id });
      return worker_id;
    }
    async function claimed(worker_id: string, ref: ExecutionRef): Promise<Run> {
      const { runs } = await api.claim({ worker_id, claim_id: newId(), executions: [ref] });
      if (!runs[0]) throw new Error("it was not claimed");
      return runs[0];
    }
    return { ...under, worker, claimed };
  }
  const kinds = ({ answers }: { answers: { kind: string }[] }) => answers.map(({ kind }) => kind);
  const refOf = ({ request_id, attempt, execution_id }: Run) => ({ request_id, attempt, execution_id });

  describe(`${name}: operations for processors`, () => {
    test("a registered worker is alive, registered twice or not; an unknown or ended one is not", async () => {
      const { api, worker } = await given();
      const worker_id = await worker();
      await api.registerWorker({ worker_id });
      for (let time = 0; time < 2; time++) {
        expect(await api.heartbeat({ worker_id })).toEqual({ kind: "alive", runs: [] });
      }
      expect(await api.heartbeat({ worker_id: newId() })).toEqual({ kind: "given_up" });
      await api.endWorker({ worker_id });
      expect(await api.heartbeat({ worker_id })).toEqual({ kind: "given_up" });
    });

    test("an expired worker stays expired, its runs are queued again, and its outcome is refused", async () => {
      const { api, worker, queue, claimed, expire } = await given();
      const worker_id = await worker();
      const run = await claimed(worker_id, await queue());
      await expire(worker_id);
      await api.registerWorker({ worker_id });
      expect(await api.heartbeat({ worker_id })).toEqual({ kind: "given_up" });
      const next = await claimed(await worker(), refOf(run));
      expect(next.epoch).toBe(2);
      expect(kinds(await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] }))).toEqual(["refused"]);
    });

    test("a claim is exclusive, and its repetition returns the same runs", async () => {
      const { api, worker, queue, claimed } = await given();
      const [taken, free] = [await queue(), await queue()];
      await claimed(await worker(), taken);
      const unknown = { ...free, request_id: newId(), execution_id: newId() };
      const claim = { worker_id: await worker(), claim_id: newId(), executions: [free, taken, unknown] };
      const first = await api.claim(claim);
      expect(first).toMatchObject({ runs: [{ ...free, epoch: 1 }], refused: 1, unknown: 1 });
      expect(await api.claim(claim)).toEqual(first);
      const another = await api.claim({ ...claim, claim_id: newId() });
      expect(another).toMatchObject({ runs: [], refused: 2, unknown: 1 });
    });

    test("a claim of anything takes up to its limit, and its repetition returns the same runs and no others", async () => {
      const { api, worker, queue } = await given();
      const queued = new Set<string>();
      for (let count = 0; count < 5; count++) queued.add((await queue()).execution_id);
      const claim = { worker_id: await worker(), claim_id: newId(), limit: 3 };
      const first = await api.claimAny(claim);
      expect(first.runs).toHaveLength(3);
      expect(await api.claimAny(claim)).toEqual(first);
      const rest = await api.claimAny({ ...claim, claim_id: newId() });
      expect(new Set([...first.runs, ...rest.runs].map(({ execution_id }) => execution_id))).toEqual(queued);
    });

    const room = (name: string, limit = 10) => ({ name, limit, timeout_seconds: 5 });

    test("a claim takes only executions of the processors that it names; the others stay queued", async () => {
      const { api, worker, queue } = await given();
      const [a, b] = [await queue("a"), await queue("b")];
      const claim = { worker_id: await worker(), executions: [a, b] };
      const first = await api.claim({ ...claim, claim_id: newId(), processors: [room("a")] });
      expect(first).toMatchObject({ runs: [{ ...a, processor: "a", epoch: 1 }], refused: 1, unknown: 0 });
      const second = await api.claim({ ...claim, claim_id: newId(), processors: [room("b")] });
      expect(second).toMatchObject({ runs: [{ ...b, processor: "b", epoch: 1 }], refused: 1 });
    });

    test("claimAny takes no more of a processor than its limit, and nothing of processors that it does not name", async () => {
      const { api, worker, queue } = await given();
      for (const name of ["a", "a", "a", "b", "foreign"]) await queue(name);
      const processors = [room("a", 2), room("b"), room("c")];
      const claim = { worker_id: await worker(), limit: 10, processors };
      const { runs } = await api.claimAny({ ...claim, claim_id: newId() });
      expect(runs.map(({ processor }) => processor).toSorted()).toEqual(["a", "a", "b"]);
      const rest = await api.claimAny({ ...claim, claim_id: newId() });
      expect(rest.runs.map(({ processor }) => processor)).toEqual(["a"]);
    });

    test("a run has the number of its try, and the time that its processor gives the execution", async () => {
      const { api, worker, queue } = await given();
      const claim = { worker_id: await worker(), claim_id: newId(), executions: [await queue("a")] };
      const { runs } = await api.claim({ ...claim, processors: [room("a")] });
      expect(runs).toMatchObject([{ try: 1, left_ms: 5_000 }]);
    });

    const retry = { delay_ms: 60_000, error: { code: "busy", message: "Later." } };

    test("a try that is to be repeated is counted once, and the execution cannot be claimed before its pause is over", async () => {
      const { api, worker, queue, claimed } = await given();
      const worker_id = await worker();
      const run = await claimed(worker_id, await queue());
      for (let time = 0; time < 2; time++) {
        expect(kinds(await api.retryLater({ runs: [{ ...run, ...retry }] }))).toEqual(["retrying"]);
      }
      expect(await api.heartbeat({ worker_id })).toEqual({ kind: "alive", runs: [] });
      const asked = { worker_id, claim_id: newId() };
      const claim = await api.claim({ ...asked, executions: [refOf(run)] });
      expect(claim).toMatchObject({ runs: [], refused: 1, unknown: 0 });
      expect(await api.claimAny({ ...asked, claim_id: newId(), limit: 10 })).toMatchObject({ runs: [] });
    });

    test("a retry of a stale epoch, of an unknown execution or after the end is refused; with a cancellation it ends", async () => {
      const { api, worker, queue, claimed, cancel } = await given();
      const worker_id = await worker();
      const [stale, ended, cancelled] = [
        await claimed(worker_id, await queue()),
        await claimed(worker_id, await queue()),
        await claimed(worker_id, await queue()),
      ];
      await api.finish({ runs: [{ ...ended, outcome: madeOutcome() }] });
      await cancel(refOf(cancelled));
      const unknown = { ...stale, request_id: newId(), execution_id: newId() };
      const runs = [{ ...stale, epoch: 2 }, unknown, ended, cancelled, cancelled];
      expect(kinds(await api.retryLater({ runs: runs.map((run) => ({ ...run, ...retry })) }))).toEqual([
        ...["refused", "unknown", "refused"],
        ...["ended", "ended"],
      ]);
    });

    test("heartbeats accept progress; appendLogs accepts repeated and late chunks, and chunks of unknown runs", async () => {
      const { api, worker, queue, claimed } = await given();
      const worker_id = await worker();
      const run = await claimed(worker_id, await queue());
      const progress = [{ ...run, progress: { fraction: 0.5 } }];
      expect(await api.heartbeat({ worker_id, progress })).toMatchObject({ kind: "alive" });
      await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
      const chunk = { ...run, sequence: 0, text: "one\n" };
      const unknown = { ...chunk, request_id: newId(), execution_id: newId() };
      for (let time = 0; time < 2; time++) {
        expect(await api.appendLogs({ chunks: [chunk, unknown] })).toEqual({});
      }
    });

    test("a heartbeat returns the runs that the worker holds, and which of them to cancel", async () => {
      const { api, worker, queue, claimed, cancel } = await given();
      const worker_id = await worker();
      const [a, b] = [await claimed(worker_id, await queue()), await claimed(worker_id, await queue())];
      await claimed(await worker(), await queue());
      await cancel(refOf(b));
      const beat = await api.heartbeat({ worker_id });
      expect(beat).toEqual({
        kind: "alive",
        runs: [
          { ...refOf(a), epoch: 1, cancel: false },
          { ...refOf(b), epoch: 1, cancel: true },
        ],
      });
    });

    test("a finish is stored once: repeated it is stored, with a stale epoch or another outcome it is refused", async () => {
      const { api, worker, queue, claimed } = await given();
      const run = await claimed(await worker(), await queue());
      const finished = { ...run, outcome: madeOutcome() };
      const unknown = { ...finished, request_id: newId(), execution_id: newId() };
      const runs = [{ ...finished, epoch: 2 }, finished, finished, unknown];
      expect(kinds(await api.finish({ runs }))).toEqual(["refused", "stored", "stored", "unknown"]);
      const other = { ...run, outcome: madeOutcome("failed") };
      expect(kinds(await api.finish({ runs: [finished, other] }))).toEqual(["stored", "refused"]);
    });

    test("a run is handed back once; a stale caller cannot hand back a newer run", async () => {
      const { api, worker, queue, claimed } = await given();
      const run = await claimed(await worker(), await queue());
      expect(await api.handBack({ runs: [run] })).toEqual({ handed_back: 1 });
      expect(await api.handBack({ runs: [run] })).toEqual({ handed_back: 0 });
      const next = await claimed(await worker(), refOf(run));
      expect(next.epoch).toBe(2);
      expect(await api.handBack({ runs: [run] })).toEqual({ handed_back: 0 });
      expect(kinds(await api.finish({ runs: [{ ...next, outcome: madeOutcome() }] }))).toEqual(["stored"]);
    });

    test("a run that is handed back after a cancellation was requested is cancelled, not run again", async () => {
      const { api, worker, queue, claimed, cancel } = await given();
      const run = await claimed(await worker(), await queue());
      await cancel(refOf(run));
      expect(await api.handBack({ runs: [run] })).toEqual({ handed_back: 1 });
      const { runs } = await api.claimAny({ worker_id: await worker(), claim_id: newId(), limit: 10 });
      expect(runs).toEqual([]);
    });

    test("a worker's end hands back what it holds, once", async () => {
      const { api, worker, queue, claimed } = await given();
      const worker_id = await worker();
      const run = await claimed(worker_id, await queue());
      expect(await api.endWorker({ worker_id })).toEqual({ handed_back: 1 });
      expect(await api.endWorker({ worker_id })).toEqual({ handed_back: 0 });
      expect((await claimed(await worker(), refOf(run))).epoch).toBe(2);
    });

    test("clearing marks is repeatable, for unknown executions and other marks too", async () => {
      const { api, worker, queue, claimed } = await given();
      const run = await claimed(await worker(), await queue());
      await api.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
      const published = [
        { ...run, mark: outcomeMark },
        { ...run, mark: executionMark(0) },
        { request_id: newId(), attempt: 1, mark: outcomeMark },
      ];
      for (let time = 0; time < 2; time++) expect(await api.markPublished({ published })).toEqual({});
    });
  });
}
