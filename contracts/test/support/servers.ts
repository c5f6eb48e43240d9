import { describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

type Running = { kind: "running"; kafkaBrokers: string; requestsMongoUrl: string; resultsMongoUrl: string };
export type Servers = Running | { kind: "unavailable"; reason: string };

let servers: Promise<Servers> | undefined;

/**
 * Real servers for adapter tests, the same for all files of a run: those that the environment names, otherwise the ones
 * that `cluster`, beside the folder of the tests, starts (containers where Docker responds, Java processes elsewhere).
 * They end with this process, whose end closes their standard input.
 */
export function testServers(): Promise<Servers> {
  servers ??= findServers();
  return servers;
}

/** A suite on these servers; without them it is skipped, and its name says why. */
export async function describeOnServers(name: string, suite: (servers: Running) => void): Promise<void> {
  const found = await testServers();
  if (found.kind === "running") describe(name, () => suite(found));
  else describe.skip(`${name} is not tested: ${found.reason}`, () => test("servers", () => {}));
}

async function findServers(): Promise<Servers> {
  const names = ["KAFKA_BROKERS", "REQUESTS_MONGO_URL", "RESULTS_MONGO_URL"];
  if (names.every((name) => Bun.env[name])) return running(Bun.env);
  const script = join(process.cwd(), "../cluster/src/servers.ts");
  if (!existsSync(script)) {
    return { kind: "unavailable", reason: `${names.join(", ")} are not set, and cluster is not here` };
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

function running(env: Record<string, string | undefined>): Running {
  const { KAFKA_BROKERS = "", REQUESTS_MONGO_URL = "", RESULTS_MONGO_URL = "" } = env;
  return {
    kind: "running",
    kafkaBrokers: KAFKA_BROKERS,
    requestsMongoUrl: REQUESTS_MONGO_URL,
    resultsMongoUrl: RESULTS_MONGO_URL,
  };
}
