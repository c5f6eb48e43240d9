import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

const mebibyte = 1024 * 1024;
const bodyBytes = mebibyte / 2;
const clients = 1_000;
/** What compose.yaml lets the gateway have; beyond it the kernel ends the process. */
const compose = readFileSync(join(import.meta.dir, "../../compose.yaml"), "utf8");
const limitBytes = Number(/^x-service:[\s\S]*?^ {2}mem_limit: (\d+)m$/m.exec(compose)?.[1]) * mebibyte;
/** Of that, for the 24 MiB of bodies that are held, and for what the collector has not yet taken. */
const grownBytesMax = limitBytes / 2;

/** What the gateway's process has in memory; only Linux tells. */
function residentBytes(): number | undefined {
  const [gateway] = system.processes(system.kind === "standalone" ? "standalone" : "gateway");
  try {
    const status = readFileSync(`/proc/${gateway?.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

test("500 MiB of unfinished bodies: the excess gets 503 with Retry-After, and memory stays bounded", async () => {
  const before = residentBytes();
  const head = `POST /requests HTTP/1.1\r\nHost: sate.example\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
  // All of it but its last byte.
  const bytes = Buffer.from(`${head}{"payload":"${"x".repeat(bodyBytes - 13)}`);
  const answers: string[] = [];
  const sockets: Socket[] = [];
  let sent = 0;
  let closed = 0;
  for (let number = 0; number < clients; number++) {
    const socket = connect(Number(new URL(system.url).port), "127.0.0.1");
    socket.on("data", (data) => {
      answers[number] = `${answers[number] ?? ""}${data}`;
    });
    socket.on("error", () => {});
    socket.on("close", () => void closed++);
    socket.write(bytes, () => void sent++);
    sockets.push(socket);
  }
  const refused = () => answers.filter((text) => text?.startsWith("HTTP/1.1 503"));
  await until("more is refused than is held", 30_000, () => refused().length > clients / 2);
  for (const text of refused()) {
    expect(text).toContain("urn:sate:problem:overloaded");
    expect(text).toMatch(/^retry-after: \d+\r$/im);
  }
  expect((await client.get("/live")).status).toBe(200);
  expect((await client.get("/requests?limit=1")).status).toBe(200);
  const grown = (residentBytes() ?? 0) - (before ?? 0);
  if (before !== undefined) expect(grown).toBeLessThan(grownBytesMax);

  for (const socket of sockets) socket.destroy();
  await until("there is room again", 30_000, async () => {
    const { status, headers } = await client.post("/requests", { payload: "afterwards" });
    if (status === 503) expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
    return status === 201;
  });
  console.log(
    `${refused().length} of ${clients} refused, ${sent} sent, ${closed} closed, ${(grown / mebibyte).toFixed(0)} MiB more memory`,
  );
}, 120_000);
