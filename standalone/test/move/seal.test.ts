import { expect, test } from "bun:test";
import type { MoveState } from "@sate/gateway";
import { until } from "../../../contracts/test/until.ts";
import { script, starting } from "../process.ts";

const { started, newFolder } = starting();
type Started = ReturnType<typeof started>;

/** What the command calls. */
function moving(it: Started) {
  const call = async (path: string, body?: object) => {
    const { status, json } = await it.ask(path, body);
    return { status, state: json as unknown as MoveState & { detail: string } };
  };
  return {
    begin: async () => (await call("/move", {})).state.id,
    phase: async () => (await call("/move")).state.phase,
    seal: (id: string) => call("/move/seal", { id, target: "mongodb://new/requests" }),
    complete: (id: string) => call("/move/complete", { id }),
  };
}

async function submit(it: Started): Promise<string> {
  const { json } = await it.ask("/requests", { payload: 1 });
  expect((await it.ask(`/requests/${json.id}/executions`, {})).status).toBe(201);
  return json.id;
}

const executions = async (it: Started, id: string) => {
  const { json } = await it.ask(`/requests/${id}/executions`);
  return (json as unknown as { executions: { status: string; lost: number }[] }).executions;
};

/** The records of a table as they are copied. */
async function copied(it: Started, table: string): Promise<Record<string, unknown>[]> {
  const { json } = await it.ask(`/move/tables/${table}`);
  return (json as unknown as { records: Record<string, unknown>[] }).records;
}

const problemOf = ({ status, json }: { status: number; json: object }) => [
  status,
  (json as { type: string }).type,
];
const refused = [503, "urn:sate:problem:moving"];

test("it drains: nothing new is accepted, what runs ends, reads go on; then nothing changes any more", async () => {
  const it = started({ PROCESSING_SECONDS: "1.5" });
  await it.ready();
  const { begin, seal, phase } = moving(it);
  const requestId = await submit(it);
  await until("it runs", async () => (await executions(it, requestId))[0]?.status === "running");
  const id = await begin();
  expect(await seal(id)).toMatchObject({ status: 200, state: { id, phase: "draining", running: 1 } });
  expect(problemOf(await it.ask("/requests", { payload: 1 }))).toEqual(refused);
  expect(problemOf(await it.ask(`/requests/${requestId}/executions`, {}))).toEqual(refused);
  expect(problemOf(await it.ask("/workers", { processors: [{ name: "simulate" }] }))).toEqual(refused);
  expect((await it.ask(`/requests/${requestId}`)).status).toBe(200);
  expect((await it.ask("/ready")).status).toBe(503);
  await until("it is sealed", async () => (await phase()) === "sealed");
  expect(problemOf(await it.ask(`/requests/${requestId}`))).toEqual(refused);
  expect((await it.ask("/ready")).json.reasons).toEqual([
    "This server is being moved to another system and no longer serves anything. Ask its operator for the address of the new system.",
  ]);
  expect(await copied(it, "executions")).toMatchObject([{ status: "succeeded", epoch: 1 }]);
  expect(await copied(it, "results")).toHaveLength(1);
}, 30_000);

test("what still runs when the time of a stop is over is requeued, and not counted as lost", async () => {
  const it = started({ PROCESSING_SECONDS: "600", SHUTDOWN_SECONDS: "1" });
  await it.ready();
  const { begin, seal, phase } = moving(it);
  const requestId = await submit(it);
  await until("it runs", async () => (await executions(it, requestId))[0]?.status === "running");
  await seal(await begin());
  await until("it is sealed", async () => (await phase()) === "sealed");
  expect(await copied(it, "executions")).toMatchObject([
    { status: "queued", epoch: 1, lost: 0, mark: "execution:1" },
  ]);
}, 30_000);

test("a remote worker may finish its run while it drains, and is told to stop when it is sealed", async () => {
  const it = started();
  await it.ready();
  type Claimed = { worker_id: string; runs: Record<string, unknown>[] };
  const ask = async (path: string, body: object) => {
    const { status, json } = await it.ask(path, body);
    return { status, json: json as unknown as Claimed };
  };
  const worker = `/workers/${(await ask("/workers", { processors: [{ name: "remote" }] })).json.worker_id}`;
  const { json: request } = await it.ask("/requests", { payload: 1, processor: "remote" });
  await it.ask(`/requests/${request.id}/executions`, {});
  const claim = () => ask(`${worker}/claims`, { claim_id: crypto.randomUUID(), limit: 1 });
  const [run] = (await claim()).json.runs;
  const { request_id, attempt, execution_id, epoch } = run ?? {};
  const ref = { request_id, attempt, execution_id, epoch };
  const { begin, seal, phase } = moving(it);
  await seal(await begin());
  expect((await claim()).status).toBe(503);
  expect((await ask(`${worker}/heartbeat`, { runs: [ref] })).status).toBe(200);
  expect((await ask(`${worker}/finish`, { ...ref, outputs: 2 })).status).toBe(200);
  await until("it is sealed", async () => (await phase()) === "sealed");
  expect((await ask(`${worker}/heartbeat`, { runs: [ref] })).status).toBe(410);
  expect(await copied(it, "executions")).toMatchObject([
    { status: "succeeded", outcome: { outputs_json: "2" } },
  ]);
}, 30_000);

test("killed while it drains, it serves again after the next start", async () => {
  const env = { DATA_DIR: newFolder(), PROCESSING_SECONDS: "600", SHUTDOWN_SECONDS: "60" };
  const first = started(env);
  await first.ready();
  await submit(first);
  const id = await moving(first).begin();
  await until("it drains", async () => (await moving(first).seal(id)).state.phase === "draining");
  first.child.kill("SIGKILL");
  await first.child.exited;
  const second = started({ ...env, SHUTDOWN_SECONDS: "1" });
  await second.ready();
  expect((await second.ask("/requests", { payload: 1 })).status).toBe(201);
  expect(await moving(second).begin()).toBe(id);
}, 30_000);

test("sealed, a start serves only the move; moved, a start is refused; undone, everything is served as before", async () => {
  const env = { DATA_DIR: newFolder(), PROCESSING_SECONDS: "0" };
  const first = started(env);
  await first.ready();
  const requestId = await submit(first);
  await until("it has ended", async () => (await executions(first, requestId))[0]?.status === "succeeded");
  const id = await moving(first).begin();
  expect((await moving(first).complete(id)).status).toBe(409);
  await moving(first).seal(id);
  await until("it is sealed", async () => (await moving(first).phase()) === "sealed");
  const before = await copied(first, "executions");
  first.child.kill("SIGKILL");
  await first.child.exited;

  const second = started(env);
  await second.ready();
  expect(second.text()).toContain("to be moved to mongodb://new/requests, and the move is not complete");
  expect(await moving(second).phase()).toBe("sealed");
  expect(await copied(second, "executions")).toEqual(before);
  expect(problemOf(await second.ask("/requests", { payload: 1 }))).toEqual(refused);
  expect((await second.ask("/ready")).status).toBe(503);
  expect((await moving(second).complete(crypto.randomUUID())).status).toBe(409);
  expect(await moving(second).complete(id)).toMatchObject({ status: 200, state: { phase: "moved" } });
  second.child.kill("SIGTERM");
  expect(await second.ended()).toEqual({ code: 0, said: "" });

  const third = await started(env).ended();
  expect(third.code).toBe(78);
  expect(third.said).toMatch(
    /was moved to mongodb:\/\/new\/requests at \S+Z and is no longer served here\. .*--undo-move/,
  );
  const undone = started(env, { command: [process.execPath, script, "--undo-move"] });
  expect(await undone.ended()).toEqual({ code: 0, said: "" });
  const fourth = started(env);
  await fourth.ready();
  expect(await executions(fourth, requestId)).toMatchObject([{ status: "succeeded" }]);
  expect(await submit(fourth)).not.toBe(requestId);
  expect(await moving(fourth).begin()).not.toBe(id);
}, 60_000);
