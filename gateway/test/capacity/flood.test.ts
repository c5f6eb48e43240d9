import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type NewRequest, requestsApi } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";

/** A service behind the gateway that accepts everything, and first never responds, later does. */
let isSilent = true;
const behind = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 60,
  async fetch(request) {
    if (isSilent) return new Promise<Response>(() => {});
    // The gateway's own questions, whether we are there.
    if (!request.url.endsWith(requestsApi.createRequests.path)) return new Response(null, { status: 503 });
    const { requests } = (await request.json()) as { requests: NewRequest[] };
    const answers = requests.map((one) => ({ kind: "created", request_id: one.id, is_replay: false }));
    return Response.json({ answers });
  },
});
afterAll(() => behind.stop(true));

/** What compose.yaml lets a gateway have; beyond it the kernel ends the process. */
function memoryLimitBytes(): number {
  const compose = readFileSync(join(import.meta.dir, "../../../compose.yaml"), "utf8");
  const [, mebibytes] = /^x-service:[\s\S]*?^ {2}mem_limit: (\d+)m$/m.exec(compose) ?? [];
  return Number(mebibytes) * 1024 * 1024;
}

test("a flood of bodies is refused with Retry-After, within bounded memory", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../src/main.ts")], {
    env: {
      PORT: "0",
      SERVICE_TOKEN: "0123456789abcdef",
      REQUESTS_SERVICE_URL: `http://127.0.0.1:${behind.port}`,
      RESULTS_SERVICE_URL: `http://127.0.0.1:${behind.port}`,
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    let out = "";
    void (async () => {
      for await (const piece of child.stdout) out += new TextDecoder().decode(piece);
    })();
    const port = () => /"listening".*"port":(\d+)/.exec(out)?.[1];
    await until("it listens", () => port() !== undefined);
    // Peak memory. Without /proc only the responses are checked.
    const peakBytes = () => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
      } catch {
        return 0;
      }
    };
    const body = `{"payload":"${"x".repeat(500_000)}"}`;
    const headers = { "content-type": "application/json" };
    const send = async () => {
      const answer = await fetch(`http://127.0.0.1:${port()}/requests`, { method: "POST", headers, body });
      const { type } = (await answer.json()) as { type?: string };
      return { type, status: answer.status, retryAfter: Number(answer.headers.get("retry-after")) };
    };
    /** So many bodies of half a megabyte at once. */
    const flood = (count: number) => Promise.all(Array.from({ length: count }, send));

    // 400 MB, of which no more than 24 MiB are held at once; then twice as many, which must not cost more.
    const once = await flood(800);
    const peakOfOnce = peakBytes();
    const twice = await flood(1_600);
    for (const { status, retryAfter } of [...once, ...twice]) {
      expect(status).toBe(503);
      expect(retryAfter).toBeGreaterThan(0);
    }
    expect(twice.filter(({ type }) => type === "urn:sate:problem:overloaded").length).toBeGreaterThan(1_000);
    expect(peakBytes()).toBeLessThanOrEqual(1.5 * peakOfOnce);
    // Bodies that are taken cost more than bodies that wait: they go on, and come back.
    isSilent = false;
    const taken = await flood(800);
    expect(taken.filter(({ status }) => status === 201).length).toBeGreaterThan(0);
    for (const { status, retryAfter } of taken) if (status !== 201) expect(retryAfter).toBeGreaterThan(0);
    console.log(`${(peakBytes() / 1024 / 1024).toFixed(0)} MiB at the most`);
    expect(peakBytes()).toBeLessThan(0.8 * memoryLimitBytes());
    expect((await fetch(`http://127.0.0.1:${port()}/live`)).status).toBe(200);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}, 60_000);
