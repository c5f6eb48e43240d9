import { expect, test } from "bun:test";
import { type KafkaSettings, kafkaSettings } from "@sate/contracts";
import { Settings } from "../src/config.ts";
import { loadSettings } from "../src/runtime/load-settings.ts";

const least = {
  SERVICE_TOKEN: "a-token-for-tests",
  REQUESTS_SERVICE_URL: "http://127.0.0.1:5001",
  KAFKA_BROKERS: "127.0.0.1:9092",
};

const { KAFKA_BROKERS, ...optional } = kafkaSettings;
const plainKafka = Object.fromEntries(
  Object.entries(optional).map(([name, setting]) => [name, setting.default]),
) as Omit<KafkaSettings, "KAFKA_BROKERS">;

test("what has no default is enough", () => {
  expect(loadSettings(Settings, least)).toEqual({
    kind: "loaded",
    settings: {
      ...least,
      ...plainKafka,
      HOST: "127.0.0.1",
      PORT: 5004,
      LEASE_SECONDS: 30,
      CONCURRENCY: 8,
      PROCESSING_SECONDS: 1,
      EXECUTION_SECONDS: 300,
      SHUTDOWN_SECONDS: 10,
      PROCESSORS_DIR: "",
      LOG_LEVEL: "info",
    },
  });
});

test("all mistakes are named at once", () => {
  const loaded = loadSettings(Settings, {
    SERVICE_TOKEN: "short",
    REQUESTS_SERVICE_URL: "http://one:5001,two",
    LEASE_SECONDS: "0.5",
    CONCURRENCY: "1025",
  });
  expect(loaded.kind === "wrong" && loaded.problems.map((problem) => problem.split(" ")[0])).toEqual([
    "SERVICE_TOKEN",
    "REQUESTS_SERVICE_URL",
    "KAFKA_BROKERS",
    "LEASE_SECONDS",
    "CONCURRENCY",
  ]);
});

test("several addresses, and fractions", () => {
  const env = { ...least, REQUESTS_SERVICE_URL: "http://one:5001,http://two:5001", LEASE_SECONDS: "1.5" };
  expect(loadSettings(Settings, env).kind).toBe("loaded");
});
