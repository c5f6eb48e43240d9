import { limits, ProcessorAnnouncement, RetryPolicy } from "@sate/contracts";
import { type TSchema, Type } from "@sinclair/typebox";

/** The limits that modules and declarations have in common, under different names. */

const announced = ProcessorAnnouncement.properties;
const policy = RetryPolicy.properties;
const is = <S extends TSchema>(schema: S, description: string): S => ({ ...schema, description });

/** Each `description` completes the sentence "<field> must be …". */
export const runLimits = {
  timeoutSeconds: Type.Optional(
    is(announced.timeout_seconds, `a number of seconds above 0, at most ${limits.timeoutSecondsMax}`),
  ),
  concurrency: is(announced.concurrency, `a whole number from 1 to ${limits.workerRunsMax}`),
  maxPerMinute: is(announced.max_per_minute, "a whole number from 1 to 1000000"),
  tries: is(policy.tries, `a whole number from 1 to ${limits.triesMax}, the first try included`),
  firstSeconds: Type.Optional(
    is(policy.first_seconds, "a number of seconds from 0.1 to 86400: the first pause"),
  ),
  maxSeconds: Type.Optional(
    is(policy.max_seconds, "a number of seconds from 0.1 to 86400: the longest pause"),
  ),
  memoryMib: (minimum: number) =>
    Type.Optional(
      Type.Integer({ minimum, maximum: 1_048_576, description: `a whole number from ${minimum} to 1048576` }),
    ),
  env: Type.Optional(
    Type.Array(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$", description: "the name of a variable" }), {
      description: 'a list of names of environment variables, such as ["S3_KEY"]',
    }),
  ),
};

/** The pauses of a processor that states only the number of its tries. */
const pauses = { first_seconds: 1, max_seconds: 60 };

type Declared = Partial<
  Pick<
    ProcessorAnnouncement,
    "timeout_seconds" | "concurrency" | "max_per_minute" | "memory_mib" | "input_json"
  >
> & { retry?: { tries: number; first_seconds?: number; max_seconds?: number } };

/** The announcement of a processor with the defaults for what it does not declare. */
export function announcementOf(
  identity: Pick<ProcessorAnnouncement, "name" | "kind"> & { version: string },
  { timeout_seconds, retry, ...declared }: Declared,
  timeoutSecondsDefault: number,
): ProcessorAnnouncement {
  return {
    ...identity,
    timeout_seconds: timeout_seconds ?? timeoutSecondsDefault,
    ...declared,
    ...(retry && { retry: { ...pauses, ...retry } }),
  };
}

/** The problem with the environment variables that a processor names, as a sentence; `null` if all are set. */
export function variablesProblem(
  names: readonly string[],
  env: Record<string, string | undefined>,
): string | null {
  const missing = names.filter((name) => env[name] === undefined);
  if (missing.length === 0) return null;
  return unsetProblem("env", missing);
}

/** The problem with a field that names environment variables which processors cannot get, as a sentence. */
export function unsetProblem(field: string, names: readonly string[]): string {
  return `\`${field}\` names ${names.join(", ")}, which must be set, and must not be a setting of Sate.`;
}
