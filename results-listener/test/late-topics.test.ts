import { expect, test } from "bun:test";
import { type Consumer, Unavailable } from "@sate/contracts";
import { fakeConsumer } from "./fakes/consumer.ts";
import { listenerOn, resultsFile } from "./listener.ts";
import { until } from "./until.ts";

test("a listener whose consumer cannot join is not ready and says why, and goes on once it can", async () => {
  using file = resultsFile();
  const reason = "A topic does not exist yet.";
  let isMissing = true;
  const joining = fakeConsumer();
  const start: Consumer["start"] = async (handle) => {
    if (isMissing) throw new Unavailable(reason);
    await joining.start(handle);
  };
  const { listener } = listenerOn(file, { consumer: { ...joining, start, notReadyReason: () => null } });
  const starting = listener.start();
  const isReported = async () =>
    Bun.deepEquals(await listener.notReadyReasons(), ["It is starting.", reason]);
  await until("the reason is reported", isReported);
  isMissing = false;
  await starting;
  expect(await listener.notReadyReasons()).toEqual([]);
  expect(joining.isJoined).toBe(true);
  await listener.stop();
});
