import { join } from "node:path";
import type { Addresses } from "../src/servers/addresses.ts";

export type Servers = {
  child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  answer: Addresses | { unavailable: string };
};

/** Runs servers.ts as the adapter tests of the services do, without the servers that the environment may name. */
export async function startServers(env: Record<string, string> = {}): Promise<Servers> {
  const { KAFKA_BROKERS, REQUESTS_MONGO_URL, RESULTS_MONGO_URL, ...own } = process.env;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../src/servers.ts")], {
    env: { ...own, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  return { child, answer: JSON.parse(text) };
}
