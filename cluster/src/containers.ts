import type { Addresses } from "./addresses.ts";
import { type ComposeService, readCompose, serviceOf } from "./compose.ts";
import { freePort } from "./free-port.ts";

const answerMs = 5_000;
const startMs = 180_000;
const kafkaPort = 9092;
const mongoPort = 27_017;

/** Whether there is a Docker here with a daemon that answers. */
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
  const redpanda = serviceOf(compose, "redpanda");

  const broker = new GenericContainer(imageOf(redpanda))
    .withCommand(advertising(`127.0.0.1:${port}`, redpanda.command ?? []))
    .withExposedPorts({ container: kafkaPort, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Successfully started Redpanda!/))
    .withStartupTimeout(startMs)
    .start();
  const database = (name: string) =>
    new GenericContainer(imageOf(serviceOf(compose, name)))
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

/** Outside compose's network the broker has another name. */
function advertising(address: string, command: string[]): string[] {
  return command.map((word) => {
    if (word.startsWith("--advertise-kafka-addr=")) return `--advertise-kafka-addr=${address}`;
    if (word.startsWith("--advertise-rpc-addr=")) return "--advertise-rpc-addr=127.0.0.1:33145";
    return word;
  });
}

function imageOf(service: ComposeService): string {
  if (!service.image) throw new Error("A server of compose.yaml has no image.");
  return service.image;
}
