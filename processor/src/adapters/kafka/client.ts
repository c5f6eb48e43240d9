import { readFileSync } from "node:fs";
import { type KafkaSettings, kafkaFiles } from "@sate/contracts";
import type { Log } from "@sate/contracts/runtime";
import { type KafkaConfig, type logCreator, logLevel, type SASLOptions } from "kafkajs";

/**
 * The options of every kafkajs client of this service. The broker's certificate must be issued by a trusted
 * authority (one of the system's, or only those of KAFKA_SSL_CA) for the address in KAFKA_BROKERS and for the
 * one that the broker advertises: no setting lifts that. Throws if a file cannot be read.
 */
export function kafkaConfig(
  settings: Pick<KafkaSettings, "KAFKA_BROKERS"> & Partial<KafkaSettings>,
  options: { clientId: string; log: Log },
): KafkaConfig {
  const pem = (path: string) => readFileSync(path, "utf8");
  const { KAFKA_SSL_CA, KAFKA_SSL_CERT, KAFKA_SSL_KEY } = settings;
  const ssl = {
    rejectUnauthorized: true,
    ...(KAFKA_SSL_CA && { ca: pem(KAFKA_SSL_CA) }),
    ...(KAFKA_SSL_CERT && KAFKA_SSL_KEY && { cert: pem(KAFKA_SSL_CERT), key: pem(KAFKA_SSL_KEY) }),
  };
  const sasl = {
    mechanism: settings.KAFKA_SASL_MECHANISM,
    username: settings.KAFKA_SASL_USERNAME,
    password: settings.KAFKA_SASL_PASSWORD,
  } as SASLOptions;
  return {
    brokers: settings.KAFKA_BROKERS.split(","),
    clientId: options.clientId,
    ...(settings.KAFKA_SSL === "1" && { ssl }),
    ...(settings.KAFKA_SASL_MECHANISM && { sasl }),
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
    logLevel: logLevel.ERROR,
    logCreator: plainLogs(options.log),
  };
}

/** The files in the settings that this process cannot read, one sentence each. */
export function kafkaFileProblems(env: Record<string, string | undefined>): string[] {
  const isUnreadable = (name: string) => {
    const path = env[name]?.trim();
    return path ? !canRead(path) : false;
  };
  return kafkaFiles.filter(isUnreadable).map((name) => `${name} must be a file that can be read.`);
}

function canRead(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}

const quietMs = 30_000;
const rememberedMax = 100;

/** The errors that kafkajs logs, without stacks; one that repeats (ten times a second while a broker is away) at most every 30 s. */
function plainLogs(log: Log): logCreator {
  const loggedAt = new Map<string, number>();
  return () => {
    return ({ namespace, log: entry }) => {
      const said = entry.message.slice(0, 200);
      const now = performance.now();
      if (now - (loggedAt.get(said) ?? Number.NEGATIVE_INFINITY) < quietMs) return;
      if (loggedAt.size >= rememberedMax) loggedAt.clear();
      loggedAt.set(said, now);
      log.warn("kafka client", { namespace, said });
    };
  };
}
