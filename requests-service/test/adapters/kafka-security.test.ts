import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type KafkaSettings,
  kafkaSecurity,
  kafkaSecurityProblems,
} from "../../src/adapters/kafka-security.ts";
import { Settings } from "../../src/config.ts";
import { loadEnvironment } from "../../src/environment.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-kafka-security-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => {
  writeFileSync(join(folder, name), `pem of ${name}`);
  return join(folder, name);
};

/** As the service reads them. That a broker takes or refuses them is tested in cluster, with a real one. */
function settingsOf(env: Record<string, string>): KafkaSettings {
  const rest = {
    SERVICE_TOKEN: "0123456789abcdef",
    KAFKA_BROKERS: "b:1",
    REQUESTS_MONGO_URL: "mongodb://h/d",
    RESULTS_SERVICE_URL: "http://h:1",
  };
  const loaded = loadEnvironment(Settings, { ...rest, ...env });
  if (loaded.kind === "wrong") throw new Error(loaded.problems.join());
  return loaded.settings;
}

test("without settings it is plain text, and nobody says who he is", () => {
  expect(kafkaSecurityProblems({})).toEqual([]);
  expect(kafkaSecurity(settingsOf({}))).toEqual({});
});

test("the files are read, and certificates are always checked", () => {
  const env = {
    KAFKA_SSL: "1",
    KAFKA_SSL_CA: file("ca"),
    KAFKA_SSL_CERT: file("cert"),
    KAFKA_SSL_KEY: file("key"),
  };
  expect(kafkaSecurityProblems(env)).toEqual([]);
  expect(kafkaSecurity(settingsOf(env))).toEqual({
    ssl: { rejectUnauthorized: true, ca: "pem of ca", cert: "pem of cert", key: "pem of key" },
  });
  expect(kafkaSecurity(settingsOf({ KAFKA_SSL: "1" }))).toEqual({ ssl: { rejectUnauthorized: true } });
});

test("a user has a mechanism, a name and a password", () => {
  const env = {
    KAFKA_SASL_MECHANISM: "scram-sha-256",
    KAFKA_SASL_USERNAME: "sate",
    KAFKA_SASL_PASSWORD: "top-secret",
  };
  expect(kafkaSecurityProblems(env)).toEqual([]);
  expect(kafkaSecurity(settingsOf(env))).toEqual({
    sasl: { mechanism: "scram-sha-256", username: "sate", password: "top-secret" },
  });
  expect(() => settingsOf({ KAFKA_SASL_MECHANISM: "scram-sha-1" })).toThrow("KAFKA_SASL_MECHANISM must be");
});

test("half a protection is a mistake, and all mistakes are named at once, without values", () => {
  const problems = kafkaSecurityProblems({
    KAFKA_SSL_CA: "/nowhere/secret",
    KAFKA_SSL_CERT: file("cert"),
    KAFKA_SASL_MECHANISM: "plain",
    KAFKA_SASL_PASSWORD: "secret",
  });
  expect(problems).toHaveLength(6);
  expect(problems.join(" ")).not.toContain("secret");
  for (const name of [
    "KAFKA_SSL_CA",
    "KAFKA_SSL_CERT and KAFKA_SSL_KEY",
    "KAFKA_SASL_USERNAME",
    "=plain shows",
  ]) {
    expect(problems.join(" ")).toContain(name);
  }
});
