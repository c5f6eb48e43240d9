import { describe, expect, test } from "bun:test";
import { requestsApi, resultsApi } from "@sate/contracts";
import { rawly, requestBytes } from "../src/clients/raw-http.ts";
import { readCounters } from "../src/measure.ts";
import { sharedSystem, sharedToken } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

/** The routes that services have for each other: closed to everybody without their token, and not public. */
const { system, client } = await sharedSystem();

const routes = [...Object.values(requestsApi), ...Object.values(resultsApi)].map(({ path }) => path);
const json = { "Content-Type": "application/json" };
const withToken = { ...json, Authorization: `Bearer ${sharedToken}` };

test("the gateway serves no internal route, with or without the service token", async () => {
  for (const path of routes) {
    for (const headers of [json, withToken]) {
      const answer = await rawly(system.url, requestBytes("POST", path, headers, "{}"));
      expect([path, answer.status]).toEqual([path, 404]);
    }
  }
});

test("no Host header makes the gateway route a request elsewhere", async () => {
  const body = '{"payload":"disguised"}';
  const known = await client.createRequest("known");
  for (const host of ["a", "ab", "abc", "sate.example", "", "["]) {
    for (const [target, status] of [
      ["/live?/requests", 405],
      ["/ready?xxxxxxxxxxxx/requests", 405],
      ["/live#/requests", 405],
      ["/nowhere/requests", 404],
    ] as const) {
      const answer = await rawly(system.url, requestBytes("POST", target, { ...json, Host: host }, body));
      const isHost = /^\w/.test(host);
      expect([host, target, answer.status]).toEqual([host, target, isHost ? status : 400]);
    }
  }
  expect((await client.get("/requests?limit=1")).json.requests[0]?.id).toBe(known);
});

const isCluster = Bun.env.SYSTEM === "cluster";
const insideNames = ["requests-service", "results-service", "results-listener", "processor"];
const urlOf = (prefix: string) => `http://127.0.0.1:${system.processes(prefix)[0]?.port}`;

if (isCluster) {
  describe("inside", () => {
    for (const name of insideNames) {
      test(`${name} refuses every caller without the service token`, async () => {
        const disguised = routes.flatMap((path) => [`/live?${path}`, `/live#${path}`, `/ready?x=${path}`]);
        for (const path of [...routes, "/metrics", "/nothing", ...disguised]) {
          for (const authorization of [
            "",
            "Bearer",
            "Bearer ",
            `Bearer ${sharedToken}x`,
            `Basic ${sharedToken}`,
            sharedToken,
          ]) {
            for (const host of ["localhost", "a", ""]) {
              const headers = {
                ...json,
                Host: host,
                ...(authorization !== "" && { Authorization: authorization }),
              };
              const { status } = await rawly(urlOf(name), requestBytes("POST", path, headers, "{}"));
              expect([path, authorization, host, status]).toEqual([path, authorization, host, 401]);
            }
          }
        }
      }, 60_000);
    }

    test("a finish with a stale epoch is refused and counted; one of an unknown execution is unknown", async () => {
      const requestId = await client.createRequest({ ends: "once" });
      const { json: executed } = await client.execute(requestId);
      await until("it has its result", 60_000, async () => (await client.results(requestId)).length === 1);
      const before = (await readCounters(system, sharedToken)).finishes_refused ?? 0;
      const date = "2020-11-07 16:31:58.103057";
      const run = (ref: { request_id: string; execution_id: string }, epoch: number) => ({
        ...ref,
        ...{ attempt: 1, epoch },
        outcome: {
          status: "failed",
          result_id: Bun.randomUUIDv7(),
          ...{ processing_start_time: date, processing_end_time: date, processing_total_seconds: 1 },
          error: { code: "forged", message: "forged" },
        },
      });
      const known = { request_id: requestId, execution_id: executed.id };
      const unknown = { request_id: Bun.randomUUIDv7(), execution_id: Bun.randomUUIDv7() };
      const runs = [run(known, 2), run(known, 1), run(unknown, 1)];
      const bytes = requestBytes("POST", requestsApi.finish.path, withToken, JSON.stringify({ runs }));
      const answer = await rawly(urlOf("requests-service"), bytes);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body).answers).toEqual([
        { kind: "refused" },
        { kind: "refused" },
        { kind: "unknown" },
      ]);
      expect((await readCounters(system, sharedToken)).finishes_refused).toBeGreaterThan(before);
      expect(await client.status(requestId, executed.id)).toBe("succeeded");
      expect(await client.results(requestId)).toHaveLength(1);
    }, 90_000);
  });
}
