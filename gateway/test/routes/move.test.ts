import { expect, test } from "bun:test";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import type { Closure, MoveSource } from "../../src/index.ts";
import { testGateway } from "../support/gateway.ts";

const id = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";
const state = { id, phase: "serving" as const, running: 0 };

function fakeMove(): MoveSource {
  return {
    begin: async () => ({ ...state, tables: [{ name: "requests", records: 2 }] }),
    state: () => state,
    page({ table, after, as }) {
      if (after === "forged") throw new RangeError("not a cursor");
      if (table !== "requests") return null;
      return {
        next: "[1]",
        through: "k",
        count: 1,
        ...(as === "digest" ? { digest: "d" } : { records: ['{"a":1e400}'] }),
      };
    },
    seal: async (move) => move.id === id,
    complete: async (move) => move.id === id,
  };
}

test("a page has its records as they are, or their digest; only what the source knows is accepted", async () => {
  const { get, post } = testGateway({}, { move: fakeMove() });
  expect((await get("/move/tables/requests")).text).toBe(
    '{"next":"[1]","through":"k","count":1,"records":[{"a":1e400}]}',
  );
  const { json } = await get("/move/tables/requests?as=digest&settled=1&after=%5B1%5D");
  expect(json).toEqual({ next: "[1]", through: "k", count: 1, digest: "d" } as never);
  expect((await get("/move/tables/requests?after=forged")).status).toBe(400);
  expect((await get("/move/tables/requests?as=all")).status).toBe(400);
  expect((await get("/move/tables/sqlite_schema")).status).toBe(404);
  expect((await post("/move", "{}")).json.tables).toEqual([{ name: "requests", records: 2 }]);
  const other = "01976b1e-7f0e-7000-8f0a-000000000000";
  expect((await post("/move/seal", JSON.stringify({ id: other, target: "t" }))).json.type).toBe(
    "urn:sate:problem:other-move",
  );
  expect((await post("/move/seal", JSON.stringify({ id, target: "t" }))).status).toBe(200);
  expect((await post("/move/complete", JSON.stringify({ id: other }))).status).toBe(409);
});

test("without a move source, as in the distributed system, the move routes do not exist", async () => {
  const { get, post } = testGateway();
  expect((await get("/move")).status).toBe(404);
  expect((await post("/move", "{}")).status).toBe(404);
});

test("the move routes are not in the API reference", async () => {
  const { get } = testGateway({}, { move: fakeMove() });
  expect((await get("/swagger/json")).text).not.toContain('"/move');
});

test("a closed server refuses what its closure names, says why, and serves health and its move", async () => {
  const closure: Closure = {
    detail: "It is closed.",
    refuses: ({ scope }) => (scope === "read" ? null : scope === "work" ? "worker-gone" : "moving"),
  };
  let isClosed = false;
  const { get, post, ...gateway } = testGateway(
    {},
    { move: fakeMove(), closed: () => (isClosed ? closure : null) },
  );
  await gateway.start();
  expect((await get("/ready")).json).toEqual({ ready: true, reasons: [] } as never);
  isClosed = true;
  expect((await get("/ready")).json).toEqual({ ready: false, reasons: ["It is closed."] } as never);
  const refused = await post("/requests", '{"payload":1}');
  expect([refused.status, refused.json.detail]).toEqual([503, "It is closed."]);
  expect(refused.headers.get("retry-after")).toBe("2");
  expect((await post(`/workers/${id}/heartbeat`, "{}")).status).toBe(410);
  for (const path of ["/live", "/", "/move", "/requests", "/metrics"])
    expect([path, (await get(path)).status]).toEqual([path, 200]);
});

test("only a key with the scope admin may move a server", async () => {
  const [some, admin] = [newKey("some", ["read", "submit", "work"]), newKey("admin", ["admin"])];
  const { keys: apiKeys } = readKeys(`${some.entry},${admin.entry}`, "keys");
  const { ask } = testGateway({ apiKeys }, { move: fakeMove() });
  const statusOf = async (method: string, path: string, { key }: { key: string }, body?: string) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    return (await ask(method, path, body, headers)).status;
  };
  const move = JSON.stringify({ id, target: "t" });
  for (const [method, path, body] of [
    ["GET", "/move"],
    ["POST", "/move", "{}"],
    ["GET", "/move/tables/requests"],
    ["POST", "/move/seal", move],
    ["POST", "/move/complete", JSON.stringify({ id })],
  ] as const) {
    expect([path, await statusOf(method, path, some, body)]).toEqual([path, 403]);
    expect([path, await statusOf(method, path, admin, body)]).toEqual([path, 200]);
  }
});
