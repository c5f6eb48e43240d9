import { limits, ProcessorAnnouncement, RetryPolicy } from "@sate/contracts";
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value, ValueErrorType } from "@sinclair/typebox/value";
import type { ModuleDescription } from "./describe.ts";

/** Each `description` completes the sentence "<member> must be …". */

const closed = { additionalProperties: false } as const;
const { timeout_seconds, concurrency, max_per_minute } = ProcessorAnnouncement.properties;
const { tries, first_seconds, max_seconds } = RetryPolicy.properties;
const is = <S extends TSchema>(schema: S, description: string): S => ({ ...schema, description });

/** Bun needs so much to start. */
const memoryMibMin = 320;

const ModuleSettings = Type.Object(
  {
    timeoutSeconds: Type.Optional(
      is(timeout_seconds, `a number of seconds above 0, at most ${limits.timeoutSecondsMax}`),
    ),
    concurrency: is(concurrency, `a whole number from 1 to ${limits.workerRunsMax}`),
    maxPerMinute: is(max_per_minute, "a whole number from 1 to 1000000"),
    retry: Type.Optional(
      Type.Object(
        {
          tries: is(tries, `a whole number from 1 to ${limits.triesMax}, the first try included`),
          firstSeconds: Type.Optional(is(first_seconds, "a number of seconds from 0.1 to 86400")),
          maxSeconds: Type.Optional(is(max_seconds, "a number of seconds from 0.1 to 86400")),
        },
        { ...closed, description: "an object, such as { tries: 3, firstSeconds: 1, maxSeconds: 60 }" },
      ),
    ),
    memoryMib: Type.Optional(
      Type.Integer({
        minimum: memoryMibMin,
        maximum: 1_048_576,
        description: `a whole number from ${memoryMibMin} to 1048576`,
      }),
    ),
    isolation: Type.Optional(
      Type.Union([Type.Literal("process"), Type.Literal("none")], { description: '"process" or "none"' }),
    ),
    reuse: Type.Optional(Type.Boolean({ description: "true or false" })),
    env: Type.Optional(
      Type.Array(
        Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$", description: "the name of a variable" }),
        { description: "a list of names of environment variables" },
      ),
    ),
  },
  closed,
);
export type ModuleSettings = Static<typeof ModuleSettings>;

/** The pauses of a processor that names only the number of its tries. */
export const firstSecondsDefault = 1;
export const maxSecondsDefault = 60;

/** Checks what a module says of itself. A problem is a sentence. */
export function checkSettings(
  { settings, inputJson = "" }: ModuleDescription,
  env: Record<string, string | undefined>,
): { kind: "checked"; settings: ModuleSettings } | { kind: "wrong"; problem: string } {
  const wrong = (problem: string) => ({ kind: "wrong" as const, problem });
  if (!Value.Check(ModuleSettings, settings)) return wrong(firstProblem(settings));
  if (inputJson.length > limits.inputSchemaCharsMax) {
    return wrong(`\`input\` must have at most ${limits.inputSchemaCharsMax} characters as JSON.`);
  }
  const { isolation, memoryMib, reuse } = settings;
  if (isolation === "none" && (memoryMib !== undefined || reuse !== undefined)) {
    return wrong('`memoryMib` and `reuse` need a child process, and `isolation` is "none".');
  }
  const missing = settings.env?.filter((name) => env[name] === undefined) ?? [];
  if (missing.length > 0)
    return wrong(
      `\`env\` names ${missing.join(", ")}, which is not in the environment of Sate, or is a setting of Sate, which processors do not get.`,
    );
  return { kind: "checked", settings };
}

function firstProblem(settings: unknown): string {
  const first = Value.Errors(ModuleSettings, settings).First();
  const member = first?.path.slice(1).replaceAll("/", ".");
  if (first?.type === ValueErrorType.ObjectAdditionalProperties) {
    const known = ["input", "output", "run", ...Object.keys(ModuleSettings.properties)];
    return `\`${member}\` is not a member of a definition; the members are ${known.join(", ")}.`;
  }
  return `\`${member}\` must be ${first?.schema.description ?? "something else"}.`;
}

/** What the worker announces of a module. */
export function announcementOf(
  name: string,
  { version, inputJson }: ModuleDescription,
  { timeoutSeconds, concurrency, maxPerMinute, memoryMib, retry }: ModuleSettings,
  timeoutSecondsDefault: number,
): ProcessorAnnouncement {
  return {
    name,
    kind: "module",
    version,
    timeout_seconds: timeoutSeconds ?? timeoutSecondsDefault,
    ...(inputJson !== undefined && { input_json: inputJson }),
    ...(concurrency !== undefined && { concurrency }),
    ...(maxPerMinute !== undefined && { max_per_minute: maxPerMinute }),
    ...(memoryMib !== undefined && { memory_mib: memoryMib }),
    ...(retry && {
      retry: {
        tries: retry.tries,
        first_seconds: retry.firstSeconds ?? firstSecondsDefault,
        max_seconds: retry.maxSeconds ?? maxSecondsDefault,
      },
    }),
  };
}
