import { expect, test } from "bun:test";
import { type KafkaSettings, kafkaSettings } from "@sate/contracts";
import { Settings } from "../src/config.ts";
import { loadSettings } from "../src/runtime/load-settings.ts";

const env = {
  SERVICE_TOKEN: "0123456789abcdef",
  RESULTS_MONGO_URL: "mongodb://user:hidden@results-db:27017/results",
  KAFKA_BROKERS: "redpanda:9092",
};

const { KAFKA_BROKERS, ...optional } = kafkaSettings;
const plainKafka = Object.fromEntries(
  Object.entries(optional).map(([name, setting]) => [name, setting.default]),
) as Omit<KafkaSettings, "KAFKA_BROKERS">;

test("the required settings are enough", () => {
  expect(loadSettings(Settings, env)).toEqual({
    kind: "loaded",
    settings: {
      ...env,
      ...plainKafka,
      HOST: "127.0.0.1",
      PORT: 5005,
      SHUTDOWN_SECONDS: 10,
      LOG_LEVEL: "info",
    },
  });
});

test("every invalid setting is named, and no value is repeated", () => {
  const wrong = {
    PORT: "70000",
    SERVICE_TOKEN: "tiny-token",
    RESULTS_MONGO_URL: "http://hidden",
    KAFKA_BROKERS: " ",
    SHUTDOWN_SECONDS: "soon",
    LOG_LEVEL: "loud",
  };
  const loaded = loadSettings(Settings, wrong);
  if (loaded.kind !== "wrong") throw new Error("it was loaded");
  expect(loaded.problems).toHaveLength(6);
  for (const name of Object.keys(wrong)) {
    expect(loaded.problems.some((problem) => problem.startsWith(`${name} `))).toBe(true);
  }
  expect(loaded.problems.join()).not.toMatch(/hidden|tiny|loud|soon|70000/);
});
