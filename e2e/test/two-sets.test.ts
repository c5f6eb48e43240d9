import { expect, test } from "bun:test";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

if (system.kind === "cluster") {
  test("a set of processors with a backlog does not delay executions of another set", async () => {
    // More than all slots of the first set: three services with eight each.
    const hanging = await Promise.all(
      Array.from({ length: 40 }, async (_, number) => {
        const requestId = await client.createRequest({ do: "hang", number }, "acts-module");
        return { requestId, executionId: (await client.execute(requestId)).json.id };
      }),
    );
    const statuses = () => Promise.all(hanging.map((one) => client.status(one.requestId, one.executionId)));
    const count = async (status: string) => (await statuses()).filter((one) => one === status).length;
    await until("all slots are taken", 60_000, async () => (await count("running")) === 24);
    for (let turn = 0; turn < 5; turn++) {
      const requestId = await client.createRequest({ csv: "a,b\n1,2\n" }, "csv-summary");
      const { json } = await client.execute(requestId);
      expect(await client.ended(requestId, json.id)).toBe("succeeded");
    }
    expect(await count("queued")).toBe(16);
    for (const { requestId, executionId } of hanging)
      await client.post(`/requests/${requestId}/executions/${executionId}/cancel`);
    await until("all are cancelled", 60_000, async () => (await count("cancelled")) === 40);
  }, 180_000);

  test("each processor is served by the workers of its set, and the simulation by all", async () => {
    const workersOf = async (name: string) => (await client.get(`/processors/${name}`)).json.workers.length;
    const counts = ["acts-module", "csv-summary", "simulate"].map(workersOf);
    expect(await Promise.all(counts)).toEqual([3, 1, 4]);
  });
}
