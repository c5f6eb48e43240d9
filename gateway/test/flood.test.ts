import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

/** A service behind the gateway takes everything and answers nothing. */
const silent = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 60,
  fetch: () => new Promise(() => {}),
});
afterAll(() => silent.stop(true));

test("more than it can bear is refused with Retry-After, and its memory stays bounded", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../src/main.ts")], {
    env: {
      PORT: "0",
      SERVICE_TOKEN: "0123456789abcdef",
      REQUESTS_SERVICE_URL: `http://127.0.0.1:${silent.port}`,
      RESULTS_SERVICE_URL: `http://127.0.0.1:${silent.port}`,
      KAFKA_BROKERS: "127.0.0.1:1",
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
    // No memory without /proc: then only the answers are looked at.
    const bytesOf = () => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
      } catch {
        return 0;
      }
    };
    const body = `{"payload":"${"x".repeat(500_000)}"}`;
    const headers = { "content-type": "application/json" };
    /** So many bodies of half a megabyte at once: what came back, and the most memory that they took. */
    const flood = async (count: number) => {
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, bytesOf());
      }, 20);
      const answers = await Promise.all(
        Array.from({ length: count }, async () => {
          const answer = await fetch(`http://127.0.0.1:${port()}/requests`, {
            method: "POST",
            headers,
            body,
          });
          const { type } = (await answer.json()) as { type: string };
          return { type, status: answer.status, retryAfter: Number(answer.headers.get("retry-after")) };
        }),
      );
      clearInterval(watch);
      return { answers, most };
    };
    // 400 MB, of which no more than 64 MiB are held at once; then twice as many, which must not cost more.
    const once = await flood(800);
    const twice = await flood(1_600);
    for (const { status, retryAfter } of [...once.answers, ...twice.answers]) {
      expect(status).toBe(503);
      expect(retryAfter).toBeGreaterThan(0);
    }
    const overloaded = twice.answers.filter(({ type }) => type === "urn:sate:problem:overloaded");
    expect(overloaded.length).toBeGreaterThan(1_000);
    expect(twice.most).toBeLessThanOrEqual(1.5 * once.most);
    expect((await fetch(`http://127.0.0.1:${port()}/live`)).status).toBe(200);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}, 60_000);
