import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installSchemathesis, type Schemathesis } from "../src/system/schemathesis.ts";
import { startSystem } from "../src/system/system.ts";

/**
 * schemathesis reads the OpenAPI document and sends what fits it and what does not: to each route, and in sequences that
 * follow the ids of responses. ../schemathesis/ has its settings. On standalone only, because the gateway is the same in
 * a cluster, and with a system of its own, because it creates, cancels, replays and removes whatever it finds.
 */
const title = "what the document promises of requests and responses is true";
/** The same for every run, so that a failure can be repeated. Others are tried by hand. */
const seed = Bun.env.SCHEMATHESIS_SEED ?? "1";
const runMs = 240_000;

if (Bun.env.SYSTEM !== "cluster") {
  const schemathesis = await installSchemathesis();
  if (schemathesis.kind === "unavailable" && Bun.env.CI !== "true") {
    test.skip(`${title}: ${schemathesis.reason}`, () => {});
  } else {
    test(title, () => expectNoFindings(schemathesis), runMs + 60_000);
  }
}

const folder = mkdtempSync(join(tmpdir(), "sate-schemathesis-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function expectNoFindings(schemathesis: Schemathesis): Promise<void> {
  if (schemathesis.kind === "unavailable") throw new Error(schemathesis.reason);
  const key = crypto.randomUUID();
  const entry = `schemathesis:admin:${createHash("sha256").update(key).digest("hex")}`;
  const settings = { API_KEYS: entry, PROCESSING_SECONDS: "0.05", LOG_LEVEL: "error" };
  const system = await startSystem("standalone", { settings, isPlain: true });
  try {
    const { command, env } = schemathesis;
    const { url } = system;
    const run = Bun.spawn(
      [...command, "--no-color", "run", `${url}/swagger/json`, "--url", url, "--seed", seed],
      {
        cwd: folder,
        env: { ...process.env, ...env, SATE_API_KEY: key },
        stdio: ["ignore", "pipe", "inherit"],
        timeout: runMs,
      },
    );
    const [report, code] = await Promise.all([run.stdout.text(), run.exited]);
    if (code !== 0) console.log(report);
    expect({ seed, code }).toEqual({ seed, code: 0 });
    expect(report).toMatch(/Operations:\s+(\d+) selected \/ \1 total/);
    expect(system.starts()).toEqual({ standalone: 1 });
  } finally {
    await system.stop();
  }
}
