import { type Static, type TObject, Type } from "@sinclair/typebox";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What every process has: where it listens, how it stops, what it logs. */
export const processSettings = ({ port, logLevel = "info" }: { port: number; logLevel?: LogLevel }) => ({
  HOST: Type.String({ default: "127.0.0.1", minLength: 1, description: "the address to listen on" }),
  PORT: Type.Integer({ default: port, minimum: 0, maximum: 65_535, description: "a port from 0 to 65535" }),
  SHUTDOWN_SECONDS: Type.Number({
    default: 10,
    minimum: 0.1,
    maximum: 3_600,
    description: "from 0.1 to 3600 seconds: the time for a clean stop",
  }),
  LOG_LEVEL: Type.Union(
    logLevels.map((level) => Type.Literal(level)),
    { default: logLevel, description: `one of ${logLevels.join(", ")}` },
  ),
});

export type ProcessSettings = Static<TObject<Omit<ReturnType<typeof processSettings>, "LOG_LEVEL">>>;

/**
 * What is wrong with the environment of any process, a sentence each. With NODE_TLS_REJECT_UNAUTHORIZED=0 the
 * runtime trusts every certificate, without a warning.
 */
export function processProblems(env: Record<string, string | undefined>): string[] {
  if (!["0", "false"].includes(env.NODE_TLS_REJECT_UNAUTHORIZED ?? "")) return [];
  return [
    "NODE_TLS_REJECT_UNAUTHORIZED must not be 0: name your own authority in NODE_EXTRA_CA_CERTS instead.",
  ];
}
