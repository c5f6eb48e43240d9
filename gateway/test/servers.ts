import { existsSync } from "node:fs";
import { join } from "node:path";

export type Servers =
  | { kind: "running"; kafkaBrokers: string; requestsMongoUrl: string; resultsMongoUrl: string }
  | { kind: "unavailable"; reason: string };

let servers: Promise<Servers> | undefined;

/**
 * Real servers for adapter tests, the same for all files of a run: those that the environment names, otherwise
 * the ones that `cluster` starts (containers where Docker answers, Java processes elsewhere). They end with
 * this process, whose end closes their standard input.
 */
export function testServers(): Promise<Servers> {
  servers ??= findServers();
  return servers;
}

async function findServers(): Promise<Servers> {
  const { KAFKA_BROKERS, REQUESTS_MONGO_URL, RESULTS_MONGO_URL } = Bun.env;
  if (KAFKA_BROKERS && REQUESTS_MONGO_URL && RESULTS_MONGO_URL) {
    return running({ KAFKA_BROKERS, REQUESTS_MONGO_URL, RESULTS_MONGO_URL });
  }
  const script = join(import.meta.dir, "../../cluster/src/servers.ts");
  if (!existsSync(script)) {
    return {
      kind: "unavailable",
      reason: "KAFKA_BROKERS, REQUESTS_MONGO_URL and RESULTS_MONGO_URL are not set, and cluster is not here",
    };
  }
  const child = Bun.spawn([process.execPath, script], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  child.unref();
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) break;
  }
  const answer = JSON.parse(text.split("\n")[0] || '{"unavailable":"the servers did not start"}');
  return answer.unavailable ? { kind: "unavailable", reason: answer.unavailable } : running(answer);
}

function running(env: Record<"KAFKA_BROKERS" | "REQUESTS_MONGO_URL" | "RESULTS_MONGO_URL", string>): Servers {
  return {
    kind: "running",
    kafkaBrokers: env.KAFKA_BROKERS,
    requestsMongoUrl: env.REQUESTS_MONGO_URL,
    resultsMongoUrl: env.RESULTS_MONGO_URL,
  };
}
