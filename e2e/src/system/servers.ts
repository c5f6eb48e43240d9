import { join } from "node:path";
import { root } from "./processes.ts";

/** A broker and two databases without services, under the names of the settings. They end with `stop`, or with this process. */
export async function startServers() {
  const child = Bun.spawn([process.execPath, join(root, "cluster/src/servers.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) break;
    text += value;
  }
  const { unavailable, ...addresses } = JSON.parse(text || '{"unavailable":"they ended"}');
  if (unavailable) throw new Error(`the servers did not start: ${unavailable}`);
  return {
    addresses: addresses as { KAFKA_BROKERS: string; REQUESTS_MONGO_URL: string; RESULTS_MONGO_URL: string },
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}
