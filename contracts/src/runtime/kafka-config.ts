import { readFileSync } from "node:fs";
import { type KafkaSettings, kafkaFiles } from "../settings/kafka.ts";
import type { Log } from "./log.ts";

type Mechanism = Exclude<KafkaSettings["KAFKA_SASL_MECHANISM"], "">;
/** One type per mechanism, as kafkajs has it. */
type Sasl = { [M in Mechanism]: { mechanism: M; username: string; password: string } }[Mechanism];

/**
 * The options of every kafkajs client of a service. The broker's certificate must be issued by a trusted
 * authority (one of the system's, or only those of KAFKA_SSL_CA) for the address in KAFKA_BROKERS and for the
 * one that the broker advertises. No setting disables this. Throws if a file cannot be read.
 */
export function kafkaConfig(
  settings: Pick<KafkaSettings, "KAFKA_BROKERS"> & Partial<KafkaSettings>,
  { clientId, log }: { clientId: string; log: Log },
) {
  const pem = (path: string) => readFileSync(path, "utf8");
  const { KAFKA_SSL_CA, KAFKA_SSL_CERT, KAFKA_SSL_KEY, KAFKA_SASL_MECHANISM: mechanism } = settings;
  const ssl = {
    rejectUnauthorized: true,
    ...(KAFKA_SSL_CA && { ca: pem(KAFKA_SSL_CA) }),
    ...(KAFKA_SSL_CERT && KAFKA_SSL_KEY && { cert: pem(KAFKA_SSL_CERT), key: pem(KAFKA_SSL_KEY) }),
  };
  const { KAFKA_SASL_USERNAME: username = "", KAFKA_SASL_PASSWORD: password = "" } = settings;
  return {
    brokers: settings.KAFKA_BROKERS.split(","),
    clientId,
    ...(settings.KAFKA_SSL === "1" && { ssl }),
    ...(mechanism && { sasl: { mechanism, username, password } as Sasl }),
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
    logLevel: 1 as const, // errors
    logCreator: plainLogs(log),
  };
}

/** The files in the settings that this process cannot read, one sentence each. */
export function kafkaFileProblems(env: Record<string, string | undefined>): string[] {
  const isUnreadable = (name: string) => {
    const path = env[name]?.trim();
    try {
      return Boolean(path) && readFileSync(path as string).length === 0;
    } catch {
      return true;
    }
  };
  return kafkaFiles.filter(isUnreadable).map((name) => `${name} must be a file that can be read.`);
}

const sameErrorMs = 30_000;
const rememberedMax = 100;

/** Logs the errors of kafkajs without stacks. The same error, which repeats while a broker is away, is logged at most every 30 s. */
function plainLogs(log: Log) {
  const loggedAt = new Map<string, number>();
  return () => (entry: { namespace: string; log: { message: string } }) => {
    const detail = entry.log.message.slice(0, 200);
    const now = performance.now();
    if (now - (loggedAt.get(detail) ?? Number.NEGATIVE_INFINITY) < sameErrorMs) return;
    if (loggedAt.size >= rememberedMax) loggedAt.clear();
    loggedAt.set(detail, now);
    log.warn("the kafka client reported an error", { namespace: entry.namespace, detail });
  };
}
