import { Kafka, type logCreator, logLevel } from "kafkajs";
import type { Log } from "../log.ts";
import type { KafkaSecurity } from "./kafka-security.ts";

export type KafkaClientOptions = { brokers: string; clientId: string; log: Log; security?: KafkaSecurity };

/** The one place where a connection to Kafka is set up. `brokers` is `host:port,host:port`. */
export function kafkaClient(options: KafkaClientOptions): Kafka {
  return new Kafka({
    brokers: options.brokers.split(","),
    clientId: options.clientId,
    ...options.security,
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
    logLevel: logLevel.ERROR,
    logCreator: plainLogs(options.log),
  });
}

const quietMs = 30_000;
const remembered = 100;

/** What kafkajs says, without its stacks, and what it repeats (ten times a second while a broker is away) only now and then. */
function plainLogs(log: Log): logCreator {
  const saidAt = new Map<string, number>();
  return () => {
    return ({ namespace, log: entry }) => {
      const said = entry.message.slice(0, 200);
      const now = performance.now();
      if (now - (saidAt.get(said) ?? Number.NEGATIVE_INFINITY) < quietMs) return;
      if (saidAt.size >= remembered) saidAt.clear();
      saidAt.set(said, now);
      log.warn("kafka client", { namespace, said });
    };
  };
}
