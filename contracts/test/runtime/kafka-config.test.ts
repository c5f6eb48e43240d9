import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import { kafkaConfig, kafkaFileProblems } from "../../src/runtime/kafka-config.ts";
import { kafkaSettings } from "../../src/settings/kafka.ts";
import { loadSettings } from "../../src/settings/load.ts";
import { fakeLog } from "../fakes/log.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-kafka-client-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text = `pem of ${name}`) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** What a service gives kafkajs. That a broker takes or refuses it is tested in cluster, with a real one. */
function configOf(env: Record<string, string>) {
  const loaded = loadSettings(Type.Object(kafkaSettings), { KAFKA_BROKERS: "b:1,c:2", ...env });
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
  const read = { ca: "pem of ca", cert: "pem of cert", key: "pem of key" };
  expect(configOf(env).ssl).toEqual({ rejectUnauthorized: true, ...read });
  expect(configOf({ KAFKA_SSL: "1" }).ssl).toEqual({ rejectUnauthorized: true });
});

test("every file that cannot be read is named, without its path", () => {
  const env = {
    KAFKA_SSL_CA: "/nowhere",
    KAFKA_SSL_CERT: ` ${file("cert")} `,
    KAFKA_SSL_KEY: file("empty", ""),
  };
  expect(kafkaFileProblems(env)).toEqual([
    "KAFKA_SSL_CA must be a file that can be read.",
    "KAFKA_SSL_KEY must be a file that can be read.",
  ]);
  expect(kafkaFileProblems({ KAFKA_SSL_CA: " " })).toEqual([]);
});

test("a user has a mechanism, a name and a password", () => {
  const [mechanism, username, password] = ["scram-sha-256", "sate", "canary"] as const;
  const named = { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password };
  const { sasl } = configOf({ KAFKA_SASL_MECHANISM: mechanism, ...named });
  expect(sasl as unknown).toEqual({ mechanism, username, password });
  expect(() => configOf({ KAFKA_SASL_MECHANISM: "scram-sha-1" })).toThrow("KAFKA_SASL_MECHANISM must be");
});
