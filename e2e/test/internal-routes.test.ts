import { describe, expect, test } from "bun:test";
import { removalsApi, requestsApi, resultsApi } from "@sate/contracts";
import { rawly, requestBytes } from "../src/clients/raw-http.ts";
import { readCounters } from "../src/measure.ts";
import { sharedSystem } from "../src/system/shared-system.ts";

/** Routes between services require the service token, and are not public. */
const { system, client } = await sharedSystem();

const routes = [requestsApi, resultsApi, removalsApi].flatMap((api) =>
  Object.values(api).map(({ path }) => path),
);
const json = { "Content-Type": "application/json" };
const token = system.serviceToken;
const withToken = { ...json, Authorization: `Bearer ${token}` };
const statusOf = async (url: string, path: string, headers: Record<string, string>, body = "{}") =>
  (await rawly(url, requestBytes("POST", path, headers, body))).status;

test("the gateway serves no internal route, with or without the service token", async () => {
  for (const path of routes) {
    for (const headers of [json, withToken])
      expect([path, await statusOf(system.url, path, headers)]).toEqual([path, 404]);
  }
});

if (system.kind === "cluster") {
  describe("inside", () => {
    const urlOf = (prefix: string) => `http://127.0.0.1:${system.processes(prefix)[0]?.port}`;
    const services = ["requests-service", "results-service", "results-listener", "processor"];

    test.each(services)(
      "%s refuses every caller without the service token",
      async (name) => {
        const disguised = routes.flatMap((path) => [`/live?${path}`, `/live#${path}`, `/ready?x=${path}`]);
        const wrong = ["Bearer", "Bearer ", `Bearer ${token}x`, `Basic ${token}`, token];
        for (const path of [...routes, "/metrics", "/nothing", ...disguised]) {
          for (const headers of [json, ...wrong.map((Authorization) => ({ ...json, Authorization }))]) {
            for (const Host of ["localhost", "a", ""]) {
              const status = await statusOf(urlOf(name), path, { ...headers, Host });
              expect([path, headers, Host, status]).toEqual([path, headers, Host, 401]);
            }
          }
        }
      },
      60_000,
    );

    test("a finish with a stale epoch is refused and counted; one of an unknown execution is unknown", async () => {
      const requestId = await client.createRequest({ ends: "once" });
      const { json: executed } = await client.execute(requestId);
      await client.results(requestId);
      const refused = async () => (await readCounters(system)).finishes_refused ?? 0;
      const before = await refused();
      const date = "2020-11-07 16:31:58.103057";
      const run = (request_id: string, execution_id: string, epoch: number) => ({
        ...{ request_id, execution_id, attempt: 1, epoch },
        outcome: {
          status: "failed",
          result_id: Bun.randomUUIDv7(),
          ...{ processing_start_time: date, processing_end_time: date, processing_total_seconds: 1 },
          error: { code: "forged", message: "forged" },
        },
      });
      const known = [2, 1].map((epoch) => run(requestId, executed.id, epoch));
      const runs = [...known, run(Bun.randomUUIDv7(), Bun.randomUUIDv7(), 1)];
      const bytes = requestBytes("POST", requestsApi.finish.path, withToken, JSON.stringify({ runs }));
      const answer = await rawly(urlOf("requests-service"), bytes);
      expect(answer.status).toBe(200);
      const kinds = JSON.parse(answer.body).answers.map(({ kind }: { kind: string }) => kind);
      expect(kinds).toEqual(["refused", "refused", "unknown"]);
      expect(await refused()).toBeGreaterThan(before);
      expect(await client.status(requestId, executed.id)).toBe("succeeded");
      expect(await client.results(requestId)).toHaveLength(1);
    }, 90_000);
  });
}
