import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { kafkaProblems, kafkaSettings } from "../../src/settings/kafka.ts";

const tls = { KAFKA_SSL: "1", KAFKA_SSL_CA: "/ca", KAFKA_SSL_CERT: "/cert", KAFKA_SSL_KEY: "/key" };
const sasl = {
  KAFKA_SASL_MECHANISM: "scram-sha-256",
  KAFKA_SASL_USERNAME: "sate",
  KAFKA_SASL_PASSWORD: "canary",
};

test("no protection, TLS, SASL and both are allowed", () => {
  for (const env of [{}, { KAFKA_SSL: "1" }, tls, sasl, { ...tls, ...sasl }]) {
    expect(kafkaProblems(env)).toEqual([]);
  }
});

test("half a protection is a mistake: one sentence for each rule that is broken, without values", () => {
  const { KAFKA_SSL, ...unencrypted } = tls;
  const { KAFKA_SSL_KEY, ...withoutKey } = tls;
  const { KAFKA_SASL_USERNAME, ...withoutUser } = sasl;
  const noEffect = ["CA", "CERT", "KEY"].map(
    (name) => `KAFKA_SSL_${name} has no effect without KAFKA_SSL=1.`,
  );
  const together = "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD must be set together.";
  const shown = "KAFKA_SASL_MECHANISM=plain sends the password unencrypted without KAFKA_SSL=1.";
  expect(kafkaProblems(unencrypted)).toEqual(noEffect);
  expect(kafkaProblems({ ...unencrypted, KAFKA_SSL: "0" })).toEqual(noEffect);
  expect(kafkaProblems(withoutKey)).toEqual(["KAFKA_SSL_CERT and KAFKA_SSL_KEY must be set together."]);
  expect(kafkaProblems(withoutUser)).toEqual([together]);
  expect(kafkaProblems({ ...sasl, KAFKA_SASL_MECHANISM: "plain" })).toEqual([shown]);
  expect(kafkaProblems({ ...sasl, KAFKA_SSL: "1", KAFKA_SASL_MECHANISM: "plain" })).toEqual([]);
  expect(kafkaProblems({ ...withoutKey, KAFKA_SSL: " ", ...withoutUser })).toHaveLength(4);
});

test("a variable that is empty counts as one that is not set", () => {
  const empty = Object.fromEntries(Object.keys(kafkaSettings).map((name) => [name, " "]));
  expect(kafkaProblems(empty)).toEqual([]);
});

test("brokers are one address or several, each with its port", () => {
  const isBrokers = (text: string) => Value.Check(kafkaSettings.KAFKA_BROKERS, text);
  expect(["b:9092", "b:9092,[::1]:9093"].map(isBrokers)).toEqual([true, true]);
  expect(["", "b", "b:1,", "b:1, c:2", "b:port"].map(isBrokers)).toEqual([false, false, false, false, false]);
});
