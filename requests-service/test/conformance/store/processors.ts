import { describe, expect, test } from "bun:test";
import { outcomeMark, type ProcessorAnnouncement } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import type { KnownProcessor } from "../../../src/processors/port.ts";
import { madeExecution, madeOutcome, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function processorsConformance(given: Given): void {
  const newName = () => `p-${newId()}`;
  const announced = (name = newName(), parts: Partial<ProcessorAnnouncement> = {}) => {
    const announcement: ProcessorAnnouncement = { name, kind: "module", timeout_seconds: 60, ...parts };
    return { announcement, bytes: JSON.stringify(announcement).length };
  };
  async function known(name: string): Promise<KnownProcessor | undefined> {
    return (await given.store.processors.get([name, newName()]))[0];
  }

  describe("processors", () => {
    test("are returned with their latest announcement; only a list without schemas omits the schema", async () => {
      const input_json = '{"2":1e400,"1":"\\ud800","$ref":"#/a.b"}';
      const retry = { tries: 3, first_seconds: 0.5, max_seconds: 60 };
      const limits = { concurrency: 2, max_per_minute: 10, memory_mib: 512, retry };
      const full = announced(newName(), { version: "1", input_json, ...limits });
      const { name } = full.announcement;
      const before = given.store.now();
      await given.store.processors.announce([full, announced()]);
      const first = await known(name);
      expect(first).toEqual({ ...full, announced_at: expect.any(Number) });
      expect(first?.announced_at).toBeGreaterThanOrEqual(before);
      const listed = async (options?: { withInputs: boolean }) =>
        (await given.other.processors.list(options)).find(({ announcement }) => announcement.name === name);
      expect((await listed({ withInputs: true }))?.announcement).toEqual(full.announcement);
      const { input_json: _, ...rest } = full.announcement;
      expect((await listed())?.announcement).toEqual(rest);

      // What the newer one does not say is gone.
      const newer = announced(name, { version: "2" });
      await given.other.processors.announce([newer]);
      expect(await known(name)).toMatchObject(newer);
      expect((await known(name))?.announcement).toEqual(newer.announcement);
    });

    test("are listed by name", async () => {
      const names = Array.from({ length: 5 }, newName);
      await given.store.processors.announce(names.map((name) => announced(name)));
      const all = (await given.store.processors.list()).map(({ announcement }) => announcement.name);
      expect(all).toEqual(all.toSorted());
      expect(all.filter((name) => names.includes(name))).toEqual(names.toSorted());
      const some = await given.store.processors.get(names.slice(0, 3));
      expect(some.map(({ announcement }) => announcement.name)).toEqual(names.slice(0, 3).toSorted());
    });

    test("of 50 announcements of one name at once, one is stored", async () => {
      const name = newName();
      const versions = Array.from({ length: 50 }, (_, index) => `v${index}`);
      await Promise.all(
        versions.map((version, index) =>
          given.either(index).processors.announce([announced(name, { version }), announced()]),
        ),
      );
      expect(versions).toContain((await known(name))?.announcement.version as string);
    });

    test("are withdrawn until they are announced again; unknown ones cannot be", async () => {
      const one = announced();
      const { name } = one.announcement;
      expect(await given.store.processors.withdraw(name)).toBeNull();
      await given.store.processors.announce([one]);
      const before = given.store.now();
      const withdrawn_at = await given.store.processors.withdraw(name);
      expect(withdrawn_at).toBeGreaterThanOrEqual(before);
      expect(await known(name)).toMatchObject({ ...one, withdrawn_at: withdrawn_at as number });
      await given.other.processors.announce([one]);
      expect((await known(name))?.withdrawn_at).toBeUndefined();
    });

    test("a stale withdrawal neither ends a newer withdrawal nor forgets the processor", async () => {
      const [kept, restored, forgotten] = [newName(), newName(), newName()];
      await given.store.processors.announce([kept, restored, forgotten].map((name) => announced(name)));
      const withdraw = async (name: string) => ({
        name,
        withdrawn_at: (await given.store.processors.withdraw(name)) as number,
      });
      const first = await withdraw(kept);
      const stale = { ...first, withdrawn_at: first.withdrawn_at - 1 };
      await given.store.processors.restore([stale, await withdraw(restored)]);
      await given.store.processors.forget([stale, await withdraw(forgotten), { ...first, name: restored }]);
      expect((await known(kept))?.withdrawn_at).toBe(first.withdrawn_at);
      expect((await known(restored))?.withdrawn_at).toBeUndefined();
      expect(await known(restored)).toBeDefined();
      expect(await known(forgotten)).toBeUndefined();
    });

    test("an announcement survives the end of a withdrawal at the same instant", async () => {
      for (let round = 0; round < 20; round++) {
        const one = announced();
        const { name } = one.announcement;
        await given.store.processors.announce([one]);
        const withdrawn_at = (await given.store.processors.withdraw(name)) as number;
        const newer = announced(name, { version: "2" });
        const early = round % 2 ? given.other.processors.announce([newer]) : null;
        const forgotten = given.store.processors.forget([{ name, withdrawn_at }]);
        await (early ?? given.other.processors.announce([newer]));
        await forgotten;
        expect((await known(name))?.announcement).toEqual(newer.announcement);
        expect((await known(name))?.withdrawn_at).toBeUndefined();
      }
    });

    test("the queued executions of processors, including scheduled ones, are listed up to the limit", async () => {
      const [a, b, c] = [newName(), newName(), newName()];
      const start_after = given.store.now() + 60_000;
      const of = (processor: string, parts: Partial<Execution> = {}) =>
        madeExecution({ processor, ...parts });
      const waiting = of(a, { start_after, wake_at: start_after, mark: undefined });
      const queued = [of(a), of(b), waiting, of(b), of(a)];
      const taken = of(a);
      const ended = of(b);
      await given.store.executions.insert([...queued, of(c), taken, ended]);
      await given.store.runs.claim(given.claimFor(), [refOf(taken)]);
      await given.store.executions.cancel({ ...refOf(ended), tries: 0 }, madeOutcome("cancelled"));

      const seen: string[] = [];
      for (;;) {
        const page = await given.store.processors.queued([a, b], 2);
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(2);
        seen.push(...page.map(({ id }) => id));
        const outcome = madeOutcome("failed");
        const answers = await given.other.waiting.end(page.map((one) => ({ ...runOf(one), outcome })));
        expect(answers).toEqual(page.map(() => "stored"));
      }
      expect(seen.toSorted()).toEqual(queued.map(({ id }) => id).toSorted());
      for (const one of queued) {
        expect(await given.now(one)).toMatchObject({ status: "failed", mark: outcomeMark });
      }
      expect((await given.store.processors.queued([c], 10)).map(({ processor }) => processor)).toEqual([c]);
    });
  });
}
