import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { attemptsOf } from "./results.ts";
import { resultsFile } from "./results-file.ts";
import { serviceOn } from "./service.ts";
import { until } from "./until.ts";

let file: ReturnType<typeof resultsFile>;
beforeEach(() => {
  file = resultsFile();
});
afterEach(() => file[Symbol.dispose]());

describe("reading results", () => {
  test("results of a request are read in pages bounded by their bytes", async () => {
    const { service } = serviceOn(file);
    file.makeTables();
    await service.start();
    const requestId = Bun.randomUUIDv7();
    const megabyte = `"${"x".repeat(1024 * 1024 - 2)}"`;
    file.add(
      attemptsOf(requestId, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { payload_json: megabyte, outputs_json: "" }),
    );
    const first = await service.commands.resultsOfRequest({ request_id: requestId, limit: limits.pageMax });
    expect([first.results.length, first.more]).toEqual([limits.batchBytesMax / 1024 / 1024, true]);
    const after_attempt = first.results.at(-1)?.attempt as number;
    const rest = await service.commands.resultsOfRequest({
      request_id: requestId,
      limit: 100,
      after_attempt,
    });
    expect([rest.results.map(({ attempt }) => attempt), rest.more]).toEqual([[9, 10], false]);
    await service.stop();
  });
});

describe("starting and stopping", () => {
  test("it waits for the database, and is ready once it responds", async () => {
    const { service } = serviceOn(file);
    const start = service.start();
    const missing = "The Results DB does not respond.";
    await until("the database is reported", async () => (await service.notReadyReasons()).includes(missing));
    expect(await service.notReadyReasons()).toEqual(["It is starting.", missing]);
    file.makeTables();
    await start;
    expect(await service.notReadyReasons()).toEqual([]);
    await service.stop();
  });

  test("it is not ready while the database is down", async () => {
    file.makeTables();
    const { service, database } = serviceOn(file);
    await service.start();
    database.isAway = true;
    await until("it is reported", async () => (await service.notReadyReasons()).length === 1);
    database.isAway = false;
    await until("it is back", async () => (await service.notReadyReasons()).length === 0);
    await service.stop();
  }, 15_000);

  test("stop is safe before start, during start, twice and concurrently", async () => {
    const idle = serviceOn(file).service;
    await Promise.all([idle.stop(), idle.stop()]);
    await idle.start();
    expect(await idle.notReadyReasons()).toEqual(["It is stopping."]);

    const waiting = serviceOn(file).service;
    const start = waiting.start();
    await until("it waits", async () => (await waiting.notReadyReasons()).length === 2);
    await waiting.stop();
    await start;
    expect(await waiting.notReadyReasons()).toEqual(["It is stopping."]);

    file.makeTables();
    const running = serviceOn(file).service;
    await running.start();
    await Promise.all([running.stop(), running.stop()]);
    const read = running.commands.resultsOfRequest({ request_id: Bun.randomUUIDv7(), limit: 1 });
    await expect(read).rejects.toThrow("The Results DB could not be read.");
  });
});
