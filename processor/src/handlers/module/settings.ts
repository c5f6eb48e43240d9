import { limits, type ProcessorAnnouncement } from "@sate/contracts";
import { type Static, Type } from "@sinclair/typebox";
import { Value, ValueErrorType } from "@sinclair/typebox/value";
import { announcementOf, runLimits, variablesProblem } from "../run-limits.ts";
import type { ModuleDescription } from "./describe.ts";

/** Bun needs this much memory to start. */
const memoryMibMin = 320;

const closed = { additionalProperties: false } as const;
const { timeoutSeconds, concurrency, maxPerMinute, tries, firstSeconds, maxSeconds, env } = runLimits;

/** Each `description` completes the sentence "<member> must be …". */
const ModuleSettings = Type.Object(
  {
    ...{ timeoutSeconds, concurrency, maxPerMinute },
    retry: Type.Optional(
      Type.Object(
        { tries, firstSeconds, maxSeconds },
        { ...closed, description: "an object, such as { tries: 3, firstSeconds: 1, maxSeconds: 60 }" },
      ),
    ),
    memoryMib: runLimits.memoryMib(memoryMibMin),
    isolation: Type.Optional(
      Type.Union([Type.Literal("process"), Type.Literal("none")], { description: '"process" or "none"' }),
    ),
    reuse: Type.Optional(Type.Boolean({ description: "true or false" })),
    env,
  },
  closed,
);
export type ModuleSettings = Static<typeof ModuleSettings>;

/** Checks the declarations of a module. A problem is a sentence. */
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
    return wrong('`memoryMib` and `reuse` require a child process, but `isolation` is "none".');
  }
  const problem = variablesProblem(settings.env ?? [], env);
  return problem === null ? { kind: "checked", settings } : wrong(problem);
}

function firstProblem(settings: unknown): string {
  const first = Value.Errors(ModuleSettings, settings).First();
  const member = first?.path.slice(1).replaceAll("/", ".");
  if (first?.type === ValueErrorType.ObjectAdditionalProperties) {
    const known = ["input", "output", "run", ...Object.keys(ModuleSettings.properties)];
    return `\`${member}\` is not a known member; the members are ${known.join(", ")}.`;
  }
  return `\`${member}\` must be ${first?.schema.description ?? "something else"}.`;
}

/** The announcement of a module. */
export function moduleAnnouncement(
  name: string,
  { version, inputJson }: ModuleDescription,
  { timeoutSeconds, concurrency, maxPerMinute, memoryMib, retry }: ModuleSettings,
  timeoutSecondsDefault: number,
): ProcessorAnnouncement {
  const declared = {
    ...(timeoutSeconds !== undefined && { timeout_seconds: timeoutSeconds }),
    ...(inputJson !== undefined && { input_json: inputJson }),
    ...(concurrency !== undefined && { concurrency }),
    ...(maxPerMinute !== undefined && { max_per_minute: maxPerMinute }),
    ...(memoryMib !== undefined && { memory_mib: memoryMib }),
    ...(retry && {
      retry: {
        tries: retry.tries,
        ...(retry.firstSeconds !== undefined && { first_seconds: retry.firstSeconds }),
        ...(retry.maxSeconds !== undefined && { max_seconds: retry.maxSeconds }),
      },
    }),
  };
  return announcementOf({ name, kind: "module", version }, declared, timeoutSecondsDefault);
}
