import { expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import {
  gatewaySettings,
  kafkaSettings,
  leaseSettings,
  loadSettings,
  processSettings,
  recoverySettings,
  requestsMongoUrl,
  resultsServiceUrl,
  serviceToken,
} from "../../src/index.ts";

const Settings = Type.Object({
  ...processSettings({ port: 5001 }),
  ...serviceToken,
  ...requestsMongoUrl,
  ...resultsServiceUrl,
  KAFKA_BROKERS: kafkaSettings.KAFKA_BROKERS,
  ...leaseSettings,
  ...recoverySettings,
  ...gatewaySettings,
});

const right = {
  SERVICE_TOKEN: "0123456789abcdef",
  REQUESTS_MONGO_URL: "mongodb://user:secret@a:27017,b:27017/requests?replicaSet=x",
  RESULTS_SERVICE_URL: "http://a:5002,https://b",
  KAFKA_BROKERS: "a:9092,b:9092",
};

test("a missing or empty variable has its default", () => {
  const loaded = loadSettings(Settings, { ...right, PORT: "", LEASE_SECONDS: " 2.5 " });
  expect(loaded).toEqual({
    kind: "loaded",
    settings: expect.objectContaining({ ...right, PORT: 5001, LEASE_SECONDS: 2.5, LOG_LEVEL: "info" }),
  });
});

test("all wrong settings are named at once, a sentence each, without their values", () => {
  const env = {
    SERVICE_TOKEN: "short-secret",
    REQUESTS_MONGO_URL: "postgres://user:secret@host/db",
    RESULTS_SERVICE_URL: "secret-host:5002",
    PORT: "70000",
    MAX_LOST: "three",
    LEASE_SECONDS: "Infinity",
    LOG_LEVEL: "loud",
  };
  const loaded = loadSettings(Settings, env);
  if (loaded.kind !== "wrong") throw new Error("it was taken");
  for (const name of [...Object.keys(env), "KAFKA_BROKERS"]) {
    expect(loaded.problems.filter((problem) => problem.startsWith(`${name} `))).toHaveLength(1);
  }
  expect(loaded.problems).toHaveLength(8);
  for (const value of Object.values(env)) expect(loaded.problems.join()).not.toContain(value);
});

const wrong: Partial<Record<keyof typeof Settings.properties, string[]>> = {
  REQUESTS_MONGO_URL: [
    "mongodb://host",
    "mongodb://host/",
    "mongodb://host/?x=y",
    "http://host/db",
    "host:27017",
  ],
  KAFKA_BROKERS: ["host", "host:9092,", "host:9092, other:9092", ":9092"],
  PORT: ["-1", "1.5", "NaN", "0x"],
  LEASE_SECONDS: ["0", "0.5", "3601"],
  MAX_LOST: ["0", "1.5"],
  MAX_FAILURES: ["0", "1001"],
  RESULTS_SERVICE_URL: ["host:5002", "http://host/", "http://host, http://other", "ftp://host"],
  CONFIRM_SECONDS: ["0", "3601", "soon"],
};
for (const [name, values] of Object.entries(wrong)) {
  for (const value of values) {
    test(`${name} is not ${JSON.stringify(value)}`, () => {
      const loaded = loadSettings(Settings, { ...right, [name]: value });
      expect(loaded).toMatchObject({ kind: "wrong", problems: [expect.stringContaining(`${name} must be`)] });
    });
  }
}
