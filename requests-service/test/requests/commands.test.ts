import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { newId } from "../builders.ts";
import { testCore } from "../core.ts";

test("a page has at most limits.pageBytesMax of payloads", async () => {
  const { commands } = testCore();
  const payload_json = `"${"x".repeat(limits.pageBytesMax / 4 - 2)}"`;
  const requests = Array.from({ length: 5 }, () => ({ id: newId(), payload_json }));
  await commands.createRequests({ requests });
  const page = await commands.listRequests({ limit: 6 });
  expect([page.requests.length, page.more]).toEqual([4, true]);
});
