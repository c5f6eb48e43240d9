/** How every service starts, stops, logs, counts, reports its health and calls another: the same for all of them. */
export * from "./database-calls.ts";
export * from "./deadline.ts";
export * from "./failpoint.ts";
export * from "./fitting.ts";
export * from "./http-client.ts";
export * from "./kafka-config.ts";
export * from "./lifecycle.ts";
export * from "./log.ts";
export * from "./metrics.ts";
export * from "./micro-batch.ts";
export * from "./periodic.ts";
export * from "./process.ts";
export * from "./retention-pause.ts";
