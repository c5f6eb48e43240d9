import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Listener } from "../supervise/layout.ts";
import type { Program } from "../supervise/supervised.ts";
import type { Addresses } from "./addresses.ts";
import { type Installed, javaEnvironment } from "./java.ts";
import { freePorts, listensOn } from "./ports.ts";

export type Ports = { kafka: number; controller: number; requestsDb: number; resultsDb: number };

export async function serverPorts(): Promise<Ports> {
  const [kafka, controller, requestsDb, resultsDb] = (await freePorts(4)) as [number, number, number, number];
  return { kafka, controller, requestsDb, resultsDb };
}

export function addressesOf({ kafka, requestsDb, resultsDb }: Ports): Addresses {
  return {
    KAFKA_BROKERS: `127.0.0.1:${kafka}`,
    REQUESTS_MONGO_URL: `mongodb://127.0.0.1:${requestsDb}/requests`,
    RESULTS_MONGO_URL: `mongodb://127.0.0.1:${resultsDb}/results`,
  };
}

/** Both are bounded: they share a laptop with everything else. */
const jvmFlags = [
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
];
const kafkaFlags = ["-Xms64m", "-Xmx512m", ...jvmFlags];
const mongoFlags = ["-Xms32m", "-Xmx384m", ...jvmFlags];

/** Kafka, and both databases in one process. They keep their data in `dataDir`. */
export async function javaServers(
  java: Installed,
  dataDir: string,
  ports: Ports,
  listeners: Listener[] = [],
): Promise<Program[]> {
  const server = (name: string, listening: [number, ...number[]], command: string[]): Program => ({
    name,
    port: listening[0],
    command,
    env: javaEnvironment,
    hasInput: true,
    isReady: async () => (await Promise.all(listening.map(listensOn))).every(Boolean),
  });
  const { requestsDb, resultsDb } = ports;
  return [
    server("kafka", [ports.kafka], await kafkaCommand(java, dataDir, ports, listeners)),
    server("mongo", [requestsDb, resultsDb], await mongoCommand(java, dataDir, ports)),
  ];
}

async function kafkaCommand(
  { java, classpath }: Installed,
  dataDir: string,
  ports: Ports,
  listeners: Listener[],
): Promise<string[]> {
  const folder = join(dataDir, "kafka");
  await mkdir(folder, { recursive: true });
  const settings = join(folder, "server.properties");
  await Bun.write(settings, brokerSettings(join(folder, "data"), ports, listeners));
  return [java, ...kafkaFlags, "-cp", classpath, "KafkaBroker", settings];
}

/** Starts one process with both databases, each with a port and a file. */
export async function mongoCommand(
  { java, classpath }: Installed,
  dataDir: string,
  { requestsDb, resultsDb }: Pick<Ports, "requestsDb" | "resultsDb">,
): Promise<string[]> {
  const folder = join(dataDir, "mongo");
  await mkdir(folder, { recursive: true });
  const databases = [
    join(folder, "requests.h2"),
    `${requestsDb}`,
    join(folder, "results.h2"),
    `${resultsDb}`,
  ];
  return [java, ...mongoFlags, "-cp", classpath, "MongoServers", ...databases];
}

/** One node that is broker and controller. As in compose.yaml, it never creates a topic by itself. */
function brokerSettings(dataDir: string, { kafka, controller }: Ports, more: Listener[]): string {
  const listeners = [
    { name: "PLAINTEXT", port: kafka, advertised: kafka },
    ...more.map((listener, index) => ({ ...listener, name: `DETOUR${index}` })),
  ];
  const eachOf = (write: (listener: (typeof listeners)[number]) => string) => listeners.map(write).join(",");
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `CONTROLLER://127.0.0.1:${controller},${eachOf(({ name, port }) => `${name}://127.0.0.1:${port}`)}`,
    "advertised.listeners": eachOf(({ name, advertised }) => `${name}://127.0.0.1:${advertised}`),
    "listener.security.protocol.map": `CONTROLLER:PLAINTEXT,${eachOf(({ name }) => `${name}:PLAINTEXT`)}`,
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
    // A broker that was killed can register again only after its last session: 9 s by default.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
  };
  const line = ([name, value]: [string, unknown]) => `${name}=${escaped(`${value}`)}\n`;
  return Object.entries(settings).map(line).join("");
}

/** Java reads such a file as Latin-1, with backslashes that escape. */
function escaped(value: string): string {
  return value.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
