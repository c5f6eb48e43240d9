import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import type { Listener } from "./layout.ts";

export type Installed = { java: string; classpath: string };
export type Ports = { kafka: number; controller: number; requestsDb: number; resultsDb: number };

export async function freePorts(): Promise<Ports> {
  const ports = new Set<number>();
  while (ports.size < 4) ports.add(await freePort());
  const [kafka, controller, requestsDb, resultsDb] = [...ports] as [number, number, number, number];
  return { kafka, controller, requestsDb, resultsDb };
}

/** Both are bounded: they share a laptop with everything else. */
const kafkaFlags = ["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const mongoFlags = ["-Xms32m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";

/** Writes the broker's settings and answers the command that starts it. Its data stays in `dataDir`. */
export async function kafkaCommand(
  { java, classpath }: Installed,
  dataDir: string,
  ports: Ports,
  listeners: Listener[] = [],
): Promise<string[]> {
  const folder = join(dataDir, "kafka");
  await mkdir(folder, { recursive: true });
  const settings = join(folder, "server.properties");
  await Bun.write(settings, brokerSettings(join(folder, "data"), ports, listeners));
  return [java, ...kafkaFlags, quiet, "-cp", classpath, "KafkaBroker", settings];
}

/** The command that starts one process with both databases, each with a port and a file in `dataDir`. */
export async function mongoCommand(
  { java, classpath }: Installed,
  dataDir: string,
  ports: Ports,
): Promise<string[]> {
  const folder = join(dataDir, "mongo");
  await mkdir(folder, { recursive: true });
  const databases = [
    join(folder, "requests.h2"),
    `${ports.requestsDb}`,
    join(folder, "results.h2"),
    `${ports.resultsDb}`,
  ];
  return [java, ...mongoFlags, quiet, "-cp", classpath, "MongoServers", ...databases];
}

export function addressesOf({ kafka, requestsDb, resultsDb }: Ports) {
  return {
    KAFKA_BROKERS: `127.0.0.1:${kafka}`,
    REQUESTS_MONGO_URL: `mongodb://127.0.0.1:${requestsDb}/requests`,
    RESULTS_MONGO_URL: `mongodb://127.0.0.1:${resultsDb}/results`,
  };
}

/** One node that is broker and controller, with topics made on purpose only, as in compose.yaml. */
function brokerSettings(dataDir: string, { kafka, controller }: Ports, more: Listener[]): string {
  const listeners = more.map((listener, index) => ({ ...listener, name: `DETOUR${index}` }));
  const eachOf = (write: (listener: Listener & { name: string }) => string) =>
    listeners.map((listener) => `,${write(listener)}`).join("");
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${kafka},CONTROLLER://127.0.0.1:${controller}${eachOf(({ name, port }) => `${name}://127.0.0.1:${port}`)}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${kafka}${eachOf(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`)}`,
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${eachOf(({ name }) => `${name}:PLAINTEXT`)}`,
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": dataDir,
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    // A broker that was killed is let in again only when its last session is over: 9 s by default.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
