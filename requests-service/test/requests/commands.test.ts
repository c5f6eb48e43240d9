import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { newId } from "../builders.ts";
import { testService } from "../service.ts";

describe("requests", () => {
  test("a page has at most limits.pageBytesMax of payloads", async () => {
    const { api } = testService();
    const large = `"${"x".repeat(limits.pageBytesMax / 4 - 2)}"`;
    const requests = Array.from({ length: 9 }, () => ({ id: newId(), payload_json: large }));
    await api.createRequests({ requests });
    const seen: string[] = [];
    let pages = 0;
    for (let before: string | undefined; ; ) {
      const page = await api.listRequests({ limit: 6, ...(before && { before }) });
      seen.push(...page.requests.map(({ id }) => id));
      pages++;
      if (!page.more) break;
      before = page.requests.at(-1)?.id;
    }
    expect(seen).toEqual(requests.map(({ id }) => id).toReversed());
    expect(pages).toBe(3);
  });
});
