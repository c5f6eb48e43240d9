import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import type { Installed } from "../src/servers/java.ts";
import { freePort, listensOn } from "../src/servers/ports.ts";
import { until } from "../src/supervise/deadline.ts";
import type { Certificate } from "./certificates.ts";

const startMs = 60_000;

export type SecureKafka = {
  /** SASL over TLS. */
  secure: string;
  /** The same, with a certificate that is for another name. */
  misnamed: string;
  /** TLS that wants a certificate of the client. */
  mutual: string;
  stop(): Promise<void>;
};

export type SecureKafkaOptions = {
  folder: string;
  certificate: Certificate;
  misnamed: Certificate;
  /** Who may sign clients. */
  clients: string;
  user: { name: string; password: string };
};

/** A Kafka that speaks TLS only, with one user, known to PLAIN and to SCRAM. */
export async function secureKafka(java: Installed, options: SecureKafkaOptions): Promise<SecureKafka> {
  const { folder, certificate, misnamed, clients, user } = options;
  const listeners = { SECURE: "SASL_SSL", MISNAMED: "SASL_SSL", MUTUAL: "SSL", INNER: "PLAINTEXT" };
  const ports: Record<string, number> = {};
  for (const name of [...Object.keys(listeners), "CONTROLLER"]) ports[name] = await freePort();
  const addresses = Object.entries(ports).map(([name, port]) => `${name}://127.0.0.1:${port}`);
  const login = "org.apache.kafka.common.security";
  const sasl = (listener: string) => ({
    [`${listener}.scram-sha-256.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${listener}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${user.name}="${user.password}";`,
    [`${listener}.sasl.enabled.mechanisms`]: "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
  });
  const pem = (listener: string, { both }: Certificate) => ({
    [`${listener}.ssl.keystore.type`]: "PEM",
    [`${listener}.ssl.keystore.location`]: both,
  });
  const settings = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${ports.CONTROLLER}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INNER",
    listeners: addresses.join(","),
    "advertised.listeners": addresses.filter((address) => !address.startsWith("CONTROLLER")).join(","),
    "listener.security.protocol.map": Object.entries({ ...listeners, CONTROLLER: "PLAINTEXT" })
      .map((pair) => pair.join(":"))
      .join(","),
    ...sasl("listener.name.secure"),
    ...sasl("listener.name.misnamed"),
    ...pem("listener.name.secure", certificate),
    ...pem("listener.name.misnamed", misnamed),
    ...pem("listener.name.mutual", certificate),
    "listener.name.mutual.ssl.client.auth": "required",
    "listener.name.mutual.ssl.truststore.type": "PEM",
    "listener.name.mutual.ssl.truststore.location": clients,
    "log.dirs": join(folder, "data"),
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
  };
  await mkdir(folder, { recursive: true });
  const file = join(folder, "server.properties");
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await Bun.write(file, lines.join(""));
  const scram = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${user.name},password=${user.password}]`,
  ]);
  const flags = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  const child = Bun.spawn(
    [
      java.java,
      ...flags,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      "-cp",
      java.classpath,
      "KafkaBroker",
      file,
      ...scram,
    ],
    { stdin: "pipe", stdout: "inherit", stderr: "inherit" },
  );
  const listens = async () => (await Promise.all(Object.values(ports).map(listensOn))).every(Boolean);
  if (!(await until(() => child.exitCode !== null || listens(), startMs)) || child.exitCode !== null) {
    child.kill("SIGKILL");
    throw new Error("Kafka did not start with TLS");
  }
  return {
    secure: `127.0.0.1:${ports.SECURE}`,
    misnamed: `127.0.0.1:${ports.MISNAMED}`,
    mutual: `127.0.0.1:${ports.MUTUAL}`,
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Speaks TLS in front of a server that does not. Answers its port. */
export function tlsInFrontOf(
  port: number,
  { cert, key }: Certificate,
): Promise<{ port: number; stop(): void }> {
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  server.on("tlsClientError", () => {});
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({ port: (server.address() as { port: number }).port, stop: () => void server.close() }),
    ),
  );
}
