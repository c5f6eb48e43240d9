import { expect, test } from "bun:test";
import { outcomeMark, topics } from "@sate/contracts";
import { madeOutcome } from "../builders.ts";
import { testCore } from "../core.ts";

test("the service publishes an outcome once for a worker that cannot, with its outputs and processor", async () => {
  const it = testCore();
  const { id } = await it.request({ processor: "word-count" });
  const run = await it.run(await it.worker(), await it.execution(id));
  await it.outbox.flush();
  it.publisher.records.length = 0;
  const runs = [{ ...run, outcome: madeOutcome() }];
  for (let time = 0; time < 2; time++) {
    expect((await it.commands.finish({ runs, publish: true })).answers).toEqual([{ kind: "stored" }]);
    await it.outbox.flush();
  }
  expect(it.publisher.records.map(({ topic }) => topic)).toEqual([topics.successful]);
  const record = JSON.parse(String(it.publisher.records[0]?.value));
  expect(record).toMatchObject({ outputs: { a: 1 }, processor: "word-count" });
});

test("the service does not publish outcomes that the worker publishes, or that were refused", async () => {
  const it = testCore();
  const run = await it.run(await it.worker());
  await it.outbox.flush();
  it.publisher.records.length = 0;
  const outcome = madeOutcome();
  await it.commands.finish({ runs: [{ ...run, epoch: 2, outcome }], publish: true });
  await it.commands.finish({ runs: [{ ...run, outcome }] });
  await it.outbox.flush();
  expect(it.publisher.records).toEqual([]);
  expect((await it.stored(run)).mark).toBe(outcomeMark);
});
