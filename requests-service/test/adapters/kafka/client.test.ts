import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSettings } from "@sate/contracts";
import { kafkaConfig, kafkaFileProblems } from "../../../src/adapters/kafka/client.ts";
import { Settings } from "../../../src/config.ts";
import { fakeLog } from "../../fakes/log.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-kafka-client-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => {
  writeFileSync(join(folder, name), `pem of ${name}`);
  return join(folder, name);
};

/** What the service gives kafkajs. That a broker takes or refuses it is tested in cluster, with a real one. */
function configOf(env: Record<string, string>) {
  const rest = {
    SERVICE_TOKEN: "0123456789abcdef",
    KAFKA_BROKERS: "b:1,c:2",
    REQUESTS_MONGO_URL: "mongodb://h/d",
    RESULTS_SERVICE_URL: "http://h:1",
  };
  const loaded = loadSettings(Settings, { ...rest, ...env });
  if (loaded.kind === "wrong") throw new Error(loaded.problems.join());
  const { brokers, ssl, sasl } = kafkaConfig(loaded.settings, { clientId: "tests", log: fakeLog() });
  return { brokers, ssl, sasl };
}

test("by default the connection is unencrypted and unauthenticated", () => {
  expect(configOf({})).toEqual({ brokers: ["b:1", "c:2"], ssl: undefined, sasl: undefined });
});

test("the files are read, and certificates are always checked", () => {
  const env = {
    KAFKA_SSL: "1",
    KAFKA_SSL_CA: file("ca"),
    KAFKA_SSL_CERT: file("cert"),
    KAFKA_SSL_KEY: file("key"),
  };
  expect(kafkaFileProblems(env)).toEqual([]);
  expect(configOf(env).ssl).toEqual({
    rejectUnauthorized: true,
    ca: "pem of ca",
    cert: "pem of cert",
    key: "pem of key",
  });
  expect(configOf({ KAFKA_SSL: "1" }).ssl).toEqual({ rejectUnauthorized: true });
});

test("every file that cannot be read is named, without its path", () => {
  writeFileSync(join(folder, "empty"), "");
  const env = {
    KAFKA_SSL_CA: "/nowhere",
    KAFKA_SSL_CERT: ` ${file("cert")} `,
    KAFKA_SSL_KEY: join(folder, "empty"),
  };
  expect(kafkaFileProblems(env)).toEqual([
    "KAFKA_SSL_CA must be a file that can be read.",
    "KAFKA_SSL_KEY must be a file that can be read.",
  ]);
  expect(kafkaFileProblems({ KAFKA_SSL_CA: " " })).toEqual([]);
});

test("a user has a mechanism, a name and a password", () => {
  const env = {
    KAFKA_SASL_MECHANISM: "scram-sha-256",
    KAFKA_SASL_USERNAME: "sate",
    KAFKA_SASL_PASSWORD: "canary",
  };
  expect(configOf(env).sasl as unknown).toEqual({
    mechanism: "scram-sha-256",
    username: "sate",
    password: "canary",
  });
  expect(() => configOf({ KAFKA_SASL_MECHANISM: "scram-sha-1" })).toThrow("KAFKA_SASL_MECHANISM must be");
});
