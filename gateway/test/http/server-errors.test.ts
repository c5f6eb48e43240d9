import { afterAll, expect, test } from "bun:test";
import { createLog, serverOptions } from "@sate/contracts/runtime";
import { Elysia } from "elysia";
import { answerOf, named } from "../support/gateway.ts";

/** What a route must not throw, and some library will. */
const lines: string[] = [];
const log = createLog("gateway", "info", (line) => void lines.push(line));
const app = new Elysia()
  .onError(() => "handled")
  .get("/undefined", async () => {
    throw undefined;
  })
  .get("/null", () => {
    throw null;
  })
  .listen(serverOptions({ log, settings: { HOST: "127.0.0.1", PORT: 0 }, bodyBytesMax: 1_000 }));
afterAll(() => app.server?.stop(true));

test("a thrown undefined or null is a logged 500 and does not affect later requests", async () => {
  for (const path of ["/undefined", "/null", "/undefined"]) {
    const answer = await answerOf(await fetch(`http://127.0.0.1:${app.server?.port}${path}`));
    expect(named(answer)).toEqual([500, "internal"]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.text).not.toMatch(/undefined|null|elysia|\.ts/);
  }
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(JSON.parse(line).level).toBe("error");
});
