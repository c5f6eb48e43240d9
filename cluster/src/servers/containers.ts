import { readCompose } from "../compose/compose.ts";
import { type Addresses, freePort } from "./addresses.ts";

const versionMs = 5_000;
const startMs = 180_000;
const kafkaPort = 9092;
const mongoPort = 27_017;

/** Whether a Docker daemon can be reached. */
export async function hasDocker(): Promise<boolean> {
  const docker = Bun.which("docker");
  if (!docker) return false;
  const version = Bun.spawn([docker, "version", "--format", "{{.Server.Version}}"], {
    stdio: ["ignore", "ignore", "ignore"],
    timeout: versionMs,
    killSignal: "SIGKILL",
  });
  return (await version.exited) === 0;
}

/**
 * Redpanda and two MongoDBs as containers: the images and the broker's command of compose.yaml, without users and
 * volumes. If this process is killed, testcontainers' reaper removes them.
 */
export async function startContainers(): Promise<{ addresses: Addresses; stop: () => Promise<unknown> }> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const { services } = await readCompose();
  const port = await freePort();
  const container = (name: string, log: RegExp) =>
    new GenericContainer(services[name]?.image ?? "")
      .withWaitStrategy(Wait.forLogMessage(log))
      .withStartupTimeout(startMs);
  const database = (name: string) =>
    container(name, /Waiting for connections/)
      .withExposedPorts(mongoPort)
      .start();
  // Outside the network of compose.yaml the broker has another address.
  const command = services.redpanda?.command?.map((word) =>
    word
      .replace(/(?<=^--advertise-kafka-addr=).*/, `127.0.0.1:${port}`)
      .replace(/(?<=^--advertise-rpc-addr=).*/, "127.0.0.1:33145"),
  );
  const broker = container("redpanda", /Successfully started Redpanda!/)
    .withCommand(command ?? [])
    .withExposedPorts({ container: kafkaPort, host: port })
    .start();

  const started = await Promise.all([broker, database("requests-db"), database("results-db")]);
  const [, requestsDb, resultsDb] = started;
  return {
    addresses: {
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      REQUESTS_MONGO_URL: `mongodb://127.0.0.1:${requestsDb.getMappedPort(mongoPort)}/requests`,
      RESULTS_MONGO_URL: `mongodb://127.0.0.1:${resultsDb.getMappedPort(mongoPort)}/results`,
    },
    stop: () => Promise.all(started.map((each) => each.stop())),
  };
}
