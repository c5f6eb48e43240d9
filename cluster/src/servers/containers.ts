import { readCompose } from "../compose/compose.ts";
import type { Addresses } from "./addresses.ts";
import { freePort } from "./ports.ts";

const answerMs = 5_000;
const startMs = 180_000;
const kafkaPort = 9092;
const mongoPort = 27_017;

/** Whether a Docker daemon can be reached. */
export async function dockerAnswers(): Promise<boolean> {
  const docker = Bun.which("docker");
  if (!docker) return false;
  const asked = Bun.spawn([docker, "version", "--format", "{{.Server.Version}}"], {
    stdio: ["ignore", "ignore", "ignore"],
    timeout: answerMs,
    killSignal: "SIGKILL",
  });
  return (await asked.exited) === 0;
}

/**
 * Redpanda and two MongoDBs as containers: the images and the broker's command of compose.yaml, without users and
 * volumes. Should this process be killed, testcontainers' reaper removes them.
 */
export async function startContainers(): Promise<{ addresses: Addresses; stop: () => Promise<void> }> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const compose = await readCompose();
  const port = await freePort();
  const imageOf = (name: string) => {
    const image = compose.services[name]?.image;
    if (!image) throw new Error(`compose.yaml names no image of ${name}.`);
    return image;
  };

  const broker = new GenericContainer(imageOf("redpanda"))
    .withCommand(advertising(`127.0.0.1:${port}`, compose.services.redpanda?.command ?? []))
    .withExposedPorts({ container: kafkaPort, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Successfully started Redpanda!/))
    .withStartupTimeout(startMs)
    .start();
  const database = (name: string) =>
    new GenericContainer(imageOf(name))
      .withExposedPorts(mongoPort)
      .withWaitStrategy(Wait.forLogMessage(/Waiting for connections/))
      .withStartupTimeout(startMs)
      .start();

  const started = await Promise.all([broker, database("requests-db"), database("results-db")]);
  const [, requestsDb, resultsDb] = started;
  const urlOf = (db: typeof requestsDb, name: string) =>
    `mongodb://127.0.0.1:${db.getMappedPort(mongoPort)}/${name}`;
  return {
    addresses: {
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      REQUESTS_MONGO_URL: urlOf(requestsDb, "requests"),
      RESULTS_MONGO_URL: urlOf(resultsDb, "results"),
    },
    stop: async () => {
      await Promise.all(started.map((container) => container.stop()));
    },
  };
}

/** Outside the network of compose.yaml the broker has another address. */
function advertising(address: string, command: string[]): string[] {
  return command.map((word) => {
    if (word.startsWith("--advertise-kafka-addr=")) return `--advertise-kafka-addr=${address}`;
    if (word.startsWith("--advertise-rpc-addr=")) return "--advertise-rpc-addr=127.0.0.1:33145";
    return word;
  });
}
