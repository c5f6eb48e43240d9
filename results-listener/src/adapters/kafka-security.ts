import { readFileSync } from "node:fs";
import { type Static, Type } from "@sinclair/typebox";
import type { KafkaConfig, SASLOptions } from "kafkajs";

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;

/** The settings that protect the way to the broker. Without any it is plain text, and nobody says who he is. */
export const kafkaSettings = {
  KAFKA_SSL: Type.Union([Type.Literal("0"), Type.Literal("1")], {
    default: "0",
    description: "1 for TLS towards the brokers, or 0",
  }),
  KAFKA_SSL_CA: Type.String({ default: "", description: "a PEM file of the authorities to trust" }),
  KAFKA_SSL_CERT: Type.String({ default: "", description: "a PEM file of a client certificate" }),
  KAFKA_SSL_KEY: Type.String({ default: "", description: "a PEM file of the client certificate's key" }),
  KAFKA_SASL_MECHANISM: Type.Union([Type.Literal(""), ...mechanisms.map((name) => Type.Literal(name))], {
    default: "",
    description: `one of ${mechanisms.join(", ")}`,
  }),
  KAFKA_SASL_USERNAME: Type.String({ default: "", description: "the user of this service at the brokers" }),
  KAFKA_SASL_PASSWORD: Type.String({ default: "", description: "the password of that user" }),
};

const KafkaSettings = Type.Object(kafkaSettings);
export type KafkaSettings = Static<typeof KafkaSettings>;
type Name = keyof KafkaSettings;
const files = ["KAFKA_SSL_CA", "KAFKA_SSL_CERT", "KAFKA_SSL_KEY"] as const;

export type KafkaSecurity = Pick<KafkaConfig, "ssl" | "sasl">;

/** What is wrong with them together, a sentence each, without a value: half a protection is a mistake. */
export function kafkaSecurityProblems(env: { [name in Name]?: string | undefined }): string[] {
  const given = (name: Name) => (env[name] ?? "").trim();
  const has = (name: Name) => given(name) !== "";
  const isEncrypted = given("KAFKA_SSL") === "1";
  const problems: string[] = [];
  for (const name of files.filter(has)) {
    if (!isEncrypted) problems.push(`${name} is of no use without KAFKA_SSL=1.`);
    if (!canRead(given(name))) problems.push(`${name} must be a file that can be read.`);
  }
  if (has("KAFKA_SSL_CERT") !== has("KAFKA_SSL_KEY")) {
    problems.push("KAFKA_SSL_CERT and KAFKA_SSL_KEY belong together: set both or none.");
  }
  const sasl = ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] as const;
  if (sasl.some(has) && !sasl.every(has))
    problems.push(`${sasl.join(", ")} belong together: set all or none.`);
  if (given("KAFKA_SASL_MECHANISM") === "plain" && !isEncrypted) {
    problems.push("KAFKA_SASL_MECHANISM=plain shows the password to the network: set KAFKA_SSL=1 as well.");
  }
  return problems;
}

/**
 * The settings as kafkajs takes them. The broker's certificate must be of an authority that is trusted (those of
 * the system, or only KAFKA_SSL_CA) and of the name or address that is in KAFKA_BROKERS and in what the broker
 * calls itself: there is no setting that lifts this.
 */
export function kafkaSecurity(settings: KafkaSettings): KafkaSecurity {
  const { KAFKA_SSL_CA, KAFKA_SSL_CERT, KAFKA_SSL_KEY, KAFKA_SASL_MECHANISM } = settings;
  const pem = (path: string) => readFileSync(path.trim(), "utf8");
  const ssl = {
    rejectUnauthorized: true,
    ...(KAFKA_SSL_CA && { ca: pem(KAFKA_SSL_CA) }),
    ...(KAFKA_SSL_CERT && KAFKA_SSL_KEY && { cert: pem(KAFKA_SSL_CERT), key: pem(KAFKA_SSL_KEY) }),
  };
  const { KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = settings;
  return {
    ...(settings.KAFKA_SSL === "1" && { ssl }),
    ...(KAFKA_SASL_MECHANISM && {
      sasl: { mechanism: KAFKA_SASL_MECHANISM, username, password } as SASLOptions,
    }),
  };
}

function canRead(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}
