import { afterEach, beforeEach, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { attemptsOf } from "./results.ts";
import { resultsFile } from "./results-file.ts";
import { serviceOn } from "./service.ts";

let file: ReturnType<typeof resultsFile>;
beforeEach(() => {
  file = resultsFile();
});
afterEach(() => file[Symbol.dispose]());

test("a page of results has at most the bytes of an internal batch", async () => {
  const { commands } = serviceOn(file).service;
  const request_id = Bun.randomUUIDv7();
  const megabyte = { payload_json: `"${"x".repeat(1024 * 1024 - 2)}"`, outputs_json: "" };
  const fitting = Array.from({ length: limits.batchBytesMax / 1024 / 1024 }, (_, index) => index + 1);
  file.add(attemptsOf(request_id, [...fitting, 9, 10], megabyte));
  const first = await commands.resultsOfRequest({ request_id, limit: limits.pageMax });
  expect([first.results.map(({ attempt }) => attempt), first.more]).toEqual([fitting, true]);
  const after_attempt = fitting.length;
  const rest = await commands.resultsOfRequest({ request_id, limit: limits.pageMax, after_attempt });
  expect([rest.results.map(({ attempt }) => attempt), rest.more]).toEqual([[9, 10], false]);
});

test("it is ready while the database responds, and closes its reader when it stops", async () => {
  const { service, database } = serviceOn(file);
  const reasonsAre = (...reasons: string[]) =>
    until(reasons.join() || "it is ready", async () =>
      Bun.deepEquals(await service.notReadyReasons(), reasons),
    );
  const down = "The Results DB does not respond.";
  const start = service.start();
  await reasonsAre("It is starting.", down);
  file.makeTables();
  await start;
  await reasonsAre();
  database.isAway = true;
  await reasonsAre(down);
  database.isAway = false;
  await reasonsAre();
  await service.stop();
  await reasonsAre("It is stopping.");
  const read = service.commands.resultsOfRequest({ request_id: Bun.randomUUIDv7(), limit: 1 });
  await expect(read).rejects.toThrow("The connection to the Results DB is closed.");
}, 15_000);
