import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Listener } from "../supervise/layout.ts";
import type { Program } from "../supervise/supervised.ts";
import { type Addresses, freePorts, listensOn } from "./addresses.ts";
import { type Installed, javaEnvironment } from "./java.ts";

type Ports = { kafka: number; controller: number; "requests-db": number; "results-db": number };

export async function serverPorts(): Promise<Ports> {
  const [kafka, controller, requests, results] = (await freePorts(4)) as [number, number, number, number];
  return { kafka, controller, "requests-db": requests, "results-db": results };
}

export function addressesOf(ports: Ports): Addresses {
  return {
    KAFKA_BROKERS: `127.0.0.1:${ports.kafka}`,
    REQUESTS_MONGO_URL: `mongodb://127.0.0.1:${ports["requests-db"]}/requests`,
    RESULTS_MONGO_URL: `mongodb://127.0.0.1:${ports["results-db"]}/results`,
  };
}

/** Memory is bounded: they share a laptop with everything else. */
const jvmFlags = [
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
];
const kafkaFlags = ["-Xms64m", "-Xmx512m", ...jvmFlags];
const mongoFlags = ["-Xms32m", "-Xmx768m", ...jvmFlags];

/** Kafka, and both databases in one process, with their data in `dataDir`. Kafka's settings file is its last word. */
export async function javaServers(
  { java, classpath }: Installed,
  dataDir: string,
  ports: Ports,
  listeners: Listener[] = [],
): Promise<[kafka: Program, mongo: Program]> {
  const program = (name: string, listening: [number, ...number[]], command: string[]): Program => ({
    name,
    port: listening[0],
    command: [java, ...command],
    env: javaEnvironment,
    hasInput: true,
    isReady: async () => (await Promise.all(listening.map(listensOn))).every(Boolean),
  });
  const [kafka, mongo] = [join(dataDir, "kafka"), join(dataDir, "mongo")];
  for (const folder of [kafka, mongo]) await mkdir(folder, { recursive: true });
  const settings = join(kafka, "server.properties");
  await Bun.write(settings, brokerSettings(join(kafka, "data"), ports, listeners));
  const databases = (["requests", "results"] as const).flatMap((name) => [
    join(mongo, `${name}.h2`),
    `${ports[`${name}-db`]}`,
  ]);
  const kafkaCommand = [...kafkaFlags, "-cp", classpath, "KafkaBroker", settings];
  const mongoCommand = [...mongoFlags, "-cp", classpath, "MongoServers", ...databases];
  return [
    program("kafka", [ports.kafka], kafkaCommand),
    program("mongo", [ports["requests-db"], ports["results-db"]], mongoCommand),
  ];
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
