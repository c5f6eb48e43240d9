import { type Static, Type } from "@sinclair/typebox";

/**
 * The connection to Kafka, the same for every service that has one. By default it is unencrypted and
 * unauthenticated. Each `description` completes the sentence "<NAME> must be …".
 */
export const kafkaSettings = {
  KAFKA_BROKERS: Type.String({
    pattern: "^[^,\\s]+:\\d+(,[^,\\s]+:\\d+)*$",
    description: "the addresses of the brokers, host:port,host:port",
  }),
  KAFKA_SSL: Type.Union([Type.Literal("0"), Type.Literal("1")], {
    default: "0",
    description: "1 to connect to the brokers over TLS, or 0",
  }),
  KAFKA_SSL_CA: Type.String({
    default: "",
    description: "a PEM file with the certificate authorities to trust instead of those of the system",
  }),
  KAFKA_SSL_CERT: Type.String({ default: "", description: "a PEM file with the client certificate" }),
  KAFKA_SSL_KEY: Type.String({
    default: "",
    description: "a PEM file with the private key of the client certificate",
  }),
  KAFKA_SASL_MECHANISM: Type.Union(
    [Type.Literal(""), Type.Literal("plain"), Type.Literal("scram-sha-256"), Type.Literal("scram-sha-512")],
    { default: "", description: "one of plain, scram-sha-256, scram-sha-512" },
  ),
  KAFKA_SASL_USERNAME: Type.String({ default: "", description: "the user name of this service" }),
  KAFKA_SASL_PASSWORD: Type.String({ default: "", description: "the password of that user" }),
};

/** For requests-service, which creates the topics. */
export const topicSettings = {
  TOPIC_RETENTION_HOURS: Type.Number({
    default: 168,
    minimum: 1,
    maximum: 87_600,
    description: "from 1 to 87600 hours: how long the topics keep their records",
  }),
};

const KafkaSettings = Type.Object(kafkaSettings);
export type KafkaSettings = Static<typeof KafkaSettings>;
type Name = keyof KafkaSettings;

/** The settings that name a file, which the service must be able to read. */
export const kafkaFiles = ["KAFKA_SSL_CA", "KAFKA_SSL_CERT", "KAFKA_SSL_KEY"] as const satisfies Name[];

/**
 * The rules among these settings that an environment breaks, one sentence each, without the values: they may
 * be secrets. A connection that is only half protected is a mistake.
 */
export function kafkaProblems(env: { [name in Name]?: string | undefined }): string[] {
  const given = (name: Name) => (env[name] ?? "").trim();
  const has = (name: Name) => given(name) !== "";
  const isEncrypted = given("KAFKA_SSL") === "1";
  const problems: string[] = [];
  for (const name of kafkaFiles) {
    if (has(name) && !isEncrypted) problems.push(`${name} has no effect without KAFKA_SSL=1.`);
  }
  if (has("KAFKA_SSL_CERT") !== has("KAFKA_SSL_KEY")) {
    problems.push("KAFKA_SSL_CERT and KAFKA_SSL_KEY must be set together.");
  }
  const sasl: Name[] = ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"];
  if (sasl.some(has) && !sasl.every(has)) problems.push(`${sasl.join(", ")} must be set together.`);
  if (given("KAFKA_SASL_MECHANISM") === "plain" && !isEncrypted) {
    problems.push("KAFKA_SASL_MECHANISM=plain sends the password unencrypted without KAFKA_SSL=1.");
  }
  return problems;
}
