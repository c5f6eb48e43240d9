import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { freePorts } from "../src/servers/addresses.ts";
import type { Installed } from "../src/servers/java.ts";
import { javaServers, serverPorts } from "../src/servers/java-servers.ts";
import { until } from "../src/supervise/deadline.ts";
import { supervise } from "../src/supervise/supervised.ts";

/** Paths of PEM files; `both` has the key and the certificates. */
type Certificate = { cert: string; key: string; both: string };

/** A certificate authority made by openssl in `folder`. It issues for servers and clients, for a day. */
function authority(folder: string, name: string) {
  const create = (owner: string, ...options: string[]): Certificate => {
    const [cert, key] = [join(folder, `${owner}.pem`), join(folder, `${owner}.key`)] as const;
    const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const files = ["-keyout", key, "-out", cert, "-days", "1", "-subj", `/CN=${owner}`];
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...kind, ...files, ...options]);
    if (exitCode !== 0) throw new Error(`openssl: ${stderr}`);
    return { cert, key, both: join(folder, `${owner}.both.pem`) };
  };
  const ca = create(name);
  return {
    file: ca.cert,
    /** `names` as openssl writes them: `IP:127.0.0.1`, `DNS:example.org`. */
    issue(owner: string, names: string): Certificate {
      const extensions = [
        "-addext",
        `subjectAltName=${names}`,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
      ];
      const issued = create(owner, "-CA", ca.cert, "-CAkey", ca.key, ...extensions);
      const parts = [issued.key, issued.cert, ca.cert].map((file) => readFileSync(file, "utf8"));
      writeFileSync(issued.both, parts.join("\n"));
      return issued;
    },
  };
}

type User = { name: string; password: string };

/** The lines that make a Kafka require TLS with SASL, or with a certificate of a client, at these addresses. */
function secureSettings(
  addresses: Record<string, string>,
  controller: number,
  { both: secure }: Certificate,
  { both: misnamed }: Certificate,
  authorityOfClients: string,
  user: User,
): string[] {
  const listeners = Object.entries(addresses).map(([name, address]) => `${name}://${address}`);
  const security = "org.apache.kafka.common.security";
  const sasl = [
    `scram-sha-256.sasl.jaas.config=${security}.scram.ScramLoginModule required;`,
    `scram-sha-512.sasl.jaas.config=${security}.scram.ScramLoginModule required;`,
    `plain.sasl.jaas.config=${security}.plain.PlainLoginModule required user_${user.name}="${user.password}";`,
    "sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
  ];
  const pem = (store: string, file: string) => [`ssl.${store}.type=PEM`, `ssl.${store}.location=${file}`];
  const each = {
    secure: [...sasl, ...pem("keystore", secure)],
    misnamed: [...sasl, ...pem("keystore", misnamed)],
    mutual: [
      ...pem("keystore", secure),
      ...pem("truststore", authorityOfClients),
      "ssl.client.auth=required",
    ],
  };
  return [
    `listeners=CONTROLLER://127.0.0.1:${controller},${listeners.join(",")}`,
    `advertised.listeners=${listeners.join(",")}`,
    "listener.security.protocol.map=SECURE:SASL_SSL,MISNAMED:SASL_SSL,MUTUAL:SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    ...Object.entries(each).flatMap(([name, lines]) => lines.map((line) => `listener.name.${name}.${line}`)),
  ];
}

/**
 * A Kafka that requires TLS with SASL (`SECURE`, and `MISNAMED` with a certificate for another name) or with a
 * certificate of a client (`MUTUAL`), and databases behind TLS. Addresses are `host:port`, certificates paths.
 */
export async function secureServers(java: Installed, folder: string, user: User) {
  const ours = authority(folder, "ours");
  const certificate = ours.issue("server", "IP:127.0.0.1");
  const misnamed = ours.issue("misnamed", "DNS:example.org,IP:127.0.0.9");
  const ports = await serverPorts();
  const [SECURE, MISNAMED, MUTUAL] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`) as [
    string,
    string,
    string,
  ];
  const addresses = { SECURE, MISNAMED, MUTUAL, PLAINTEXT: `127.0.0.1:${ports.kafka}` };
  const [kafka, mongo] = await javaServers(java, folder, ports);
  const lines = secureSettings(addresses, ports.controller, certificate, misnamed, ours.file, user);
  const file = kafka.command.at(-1) ?? "";
  // Of two lines for a setting the later one counts.
  appendFileSync(file, lines.join("\n"));
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-512"])
    kafka.command.push("--add-scram", `${mechanism}=[name=${user.name},password=${user.password}]`);

  const rules = { restarts: () => false, stopMs: 10_000, report: console.error };
  const servers = [kafka, mongo].map((program) => supervise(program, rules));
  const fronts = await Promise.all([
    tlsInFrontOf(ports["requests-db"], certificate),
    tlsInFrontOf(ports["results-db"], certificate),
    tlsInFrontOf(ports["results-db"], misnamed),
  ]);
  const stop = async () => {
    for (const { server } of fronts) server.close();
    await Promise.all(servers.map((server) => server.stop()));
  };
  if (!(await until(() => servers.every((server) => server.isReady()), 60_000))) {
    await stop();
    throw new Error("Kafka or the databases did not start");
  }
  return {
    kafka: addresses,
    mongo: { requests: fronts[0].address, results: fronts[1].address, misnamed: fronts[2].address },
    certificates: {
      ca: ours.file,
      otherCa: authority(folder, "other").file,
      client: ours.issue("client", "DNS:sate"),
    },
    stop,
  };
}

/** Terminates TLS in front of a server without it. */
async function tlsInFrontOf(port: number, { cert, key }: Certificate) {
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `127.0.0.1:${(server.address() as { port: number }).port}` };
}
