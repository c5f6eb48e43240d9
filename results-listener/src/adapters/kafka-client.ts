import { Kafka, type logCreator, logLevel } from "kafkajs";
import type { Log } from "../log.ts";

/** The one place where a connection to Kafka is set up. `brokers` is `host:port,host:port`. */
export function kafkaClient(options: { brokers: string; clientId: string; log: Log }): Kafka {
  return new Kafka({
    brokers: options.brokers.split(","),
    clientId: options.clientId,
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 2 },
    logLevel: logLevel.ERROR,
    logCreator: plainLogs(options.log),
  });
}

/** What kafkajs says, without its addresses and stacks. */
function plainLogs(log: Log): logCreator {
  return () => {
    return ({ namespace, log: entry }) =>
      log.warn("kafka client", { namespace, said: entry.message.slice(0, 200) });
  };
}
