import { type Static, Type } from "@sinclair/typebox";
import { limits } from "./limits.ts";

const name = "[a-z0-9_.-]{1,63}";
/** Well-formed UTF-16, because databases cannot store anything else. Only escapes in JSON can be malformed: UTF-8 cannot. */
export const wellFormed = "(?:[^\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*";

export const labelValuePattern = `^${wellFormed}$`;

const labels = (pattern: string, addition = "") =>
  Type.Record(
    Type.String({ pattern }),
    Type.String({ pattern: labelValuePattern, maxLength: limits.labelValueCharsMax }),
    {
      maxProperties: limits.labelsMax,
      additionalProperties: false,
      description: `Labels, by which requests and executions are found: at most ${limits.labelsMax}. Names consist of a to z, 0 to 9, "_", "." and "-", at most 63 characters; values are strings of at most ${limits.labelValueCharsMax} characters.${addition}`,
    },
  );

/** The labels of a request and of its executions, by which they are found. */
export const Labels = labels(`^${name}$`);
/** Labels that a client gives to a request. */
export const NewLabels = labels(`^(?!sate\\.)${name}$`, " Names that begin with `sate.` are reserved.");
export type Labels = Static<typeof Labels>;

/** A label as a parameter: `name:value`. Names contain no colon. */
export const LabelParameter = Type.String({
  pattern: `^${name}:${wellFormed}$`,
  maxLength: 64 + limits.labelValueCharsMax,
  description: "A label, as name:value. Only what has exactly this label is found.",
});

/** A label as it is stored and indexed: `name=value`. Names contain no "=", so it is unambiguous. */
export const labelText = (name: string, value: string): string => `${name}=${value}`;

/** The text of a label that is given as a parameter. */
export const labelTextOf = (parameter: string): string => parameter.replace(":", "=");

/** The texts of labels, in their order. */
export function labelTexts(labels: Labels = {}): string[] {
  return Object.entries(labels).map(([name, value]) => labelText(name, value));
}

/** The reverse of `labelTexts`. */
export function labelsOf(texts: string[]): Labels {
  return Object.fromEntries(
    texts.map((text) => {
      const end = text.indexOf("=");
      return [text.slice(0, end), text.slice(end + 1)];
    }),
  );
}
