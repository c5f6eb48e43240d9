import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../src/clients/client.ts";
import { startPlain } from "../src/measure.ts";
import { freePorts } from "../src/system/ports.ts";
import { root } from "../src/system/processes.ts";
import type { System } from "../src/system/system.ts";
import { until } from "../src/until.ts";

/** The examples as their README shows them, in a standalone of their own that serves their folder. */

const folder = mkdtempSync(join(tmpdir(), "sate-examples-"));
const readme = readFileSync(join(root, "examples/README.md"), "utf8");
const shells = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
const define = shells.find((text) => text.startsWith("run() {")) ?? "";
let system: System;
let receiverPort = 0;

/** With addresses of this test: the gateway's, and the receiver's. */
const here = (text: string) =>
  text.replaceAll("127.0.0.1:5003", new URL(system.url).host).replaceAll("8090", String(receiverPort));

beforeAll(async () => {
  cpSync(join(root, "examples"), folder, { recursive: true });
  [receiverPort] = (await freePorts(1)) as [number];
  const notify = join(folder, "notify.toml");
  writeFileSync(notify, readFileSync(notify, "utf8").replaceAll("8090", String(receiverPort)));
  system = await startPlain("standalone", { processors: folder, settings: { LEASE_SECONDS: "3" } });
}, 120_000);

afterAll(async () => {
  await system.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

/** Runs the block of the README that names the processor. Returns the result that it prints. */
async function tried(processor: string) {
  const block = shells.find((text) => text.includes(`"processor": "${processor}"`)) ?? "";
  const words = block.replace("examples/receiver.py &", `receiver.py ${receiverPort} & trap 'kill $!' EXIT`);
  const shell = Bun.spawn(["bash", "-euo", "pipefail", "-c", here(`${define}\n${words}`)], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const printed = await shell.stdout.text();
  expect(await shell.exited).toBe(0);
  const line = printed.split("\n").find((text) => text.startsWith('{"results"')) ?? "";
  return { printed, result: JSON.parse(line).results[0] };
}

const log = async (uri: string) => (await fetch(`${system.url}${uri}`)).text();

describe("as examples/README.md shows it", () => {
  test("csv-summary returns the columns of the file", async () => {
    const { result } = await tried("csv-summary");
    expect(result.outputs).toEqual({
      rows: 2,
      columns: {
        city: { type: "text", missing: 0, distinct: 2 },
        people: { type: "number", missing: 0, distinct: 2, min: 520_000, max: 2_100_000, mean: 1_310_000 },
      },
    });
  }, 30_000);

  test("top-words returns the words, and its log says what it did", async () => {
    const { result } = await tried("top-words");
    const words = [
      { word: "to", count: 2 },
      { word: "be", count: 2 },
    ];
    expect(result.outputs).toEqual({ lines: 1, words });
    const { id, processing_request } = result.execution;
    const uri = `/requests/${processing_request.id}/executions/${id}/log`;
    await until("its log can be read", 20_000, async () =>
      (await log(uri)).includes(`execution ${id}, try 1: 1 lines`),
    );
  }, 30_000);

  test("notify is refused once, and delivered by a later try with the same key", async () => {
    const { result, printed } = await tried("notify");
    expect(result.outputs).toEqual({ delivered: true, to: "ada@example.com" });
    // More if the first try came before the receiver listened.
    expect(result.tries).toBeGreaterThanOrEqual(2);
    const calls = new RegExp(`^try \\d of execution ${result.execution.id}`, "gm");
    expect(printed.match(calls)).toHaveLength(2);
  }, 30_000);
});

test("the remote worker runs executions of its processor; if it is killed in a run, another worker runs the execution again", async () => {
  // Its work takes until a file exists, so that it can be killed meanwhile.
  const go = join(folder, "go");
  const source = readFileSync(join(root, "examples/remote-worker/worker.py"), "utf8");
  const waiting = source.replace(
    /(def work\(payload, stop\):.*\n)/,
    `$1    while not os.path.exists(${JSON.stringify(go)}): time.sleep(0.05)\n`,
  );
  expect(waiting).not.toBe(source);
  const program = join(folder, "worker.py");
  writeFileSync(program, waiting);
  const start = () =>
    Bun.spawn(["python3", program], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SATE_URL: system.url },
      stdio: ["ignore", "inherit", "inherit"],
    });
  const workers = [start()];
  try {
    const client = createClient(system.url);
    await until(
      "it is served",
      20_000,
      async () => (await client.get("/processors/letter-count")).status === 200,
    );
    const requestId = await client.createRequest({ text: "banana" }, "letter-count");
    const { json } = await client.execute(requestId);
    const runs = async () => (await client.get(`/requests/${requestId}/executions/${json.id}`)).json.runs;
    await until("it runs", 20_000, async () => (await runs()) === 1);
    workers[0]?.kill("SIGKILL");
    workers.push(start());
    await until("it runs again", 60_000, async () => (await runs()) === 2);
    writeFileSync(go, "");
    const [result] = await client.results(requestId);
    expect(result).toMatchObject({ outputs: { a: 3, b: 1, n: 2 }, processor: "letter-count", tries: 1 });
  } finally {
    for (const worker of workers) worker.kill("SIGTERM");
    await Promise.all(workers.map(({ exited }) => exited));
  }
}, 120_000);

async function failureOf(processor: string, payload: unknown) {
  const post = (path: string, body?: unknown) =>
    fetch(`${system.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const { id } = (await (await post("/requests", { processor, payload })).json()) as { id: string };
  await post(`/requests/${id}/executions`, {});
  return until(`${processor} has a result`, 20_000, async () => {
    const { results } = (await (await fetch(`${system.url}/requests/${id}/results`)).json()) as {
      results: { error?: { code: string } }[];
    };
    return results[0]?.error?.code;
  });
}

test.each([
  ["csv-summary", { csv: "a,b\n" }, "no_rows"],
  ["csv-summary", { csv: "a,b\n1,2\n3\n" }, "uneven_row"],
  ["top-words", { text: 5 }, "no_text"],
])("%s reports what is wrong with %j", async (processor, payload, code) => {
  expect(await failureOf(processor, payload)).toBe(code);
});
