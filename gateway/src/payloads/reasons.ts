import type { OutputUnit } from "@cfworker/json-schema";

/** Why a payload does not match: a JSON pointer (RFC 6901) and what is wrong there, never the value. */
export type Reason = { pointer: string; detail: string };

const reasonsMax = 20;
const charsMax = 300;

/** Errors that only introduce the errors that follow them. */
const containers = new Set([
  ...["properties", "patternProperties", "additionalProperties", "unevaluatedProperties"],
  ...["items", "prefixItems", "additionalItems", "unevaluatedItems", "dependentSchemas", "dependencies"],
  ...["$ref", "$recursiveRef", "allOf", "if"],
]);
/** Errors that suffice: the errors of the alternatives below them would only confuse. */
const summaries = new Set(["anyOf", "oneOf", "contains", "propertyNames"]);
const wrongType = /^Instance type "(.+)" is invalid. Expected "(.+)"\.$/;
const comparisons = new Set(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]);

/** The validator's errors in readable form, at most `reasonsMax`. */
export function reasonsOf(errors: OutputUnit[]): Reason[] {
  const reasons: Reason[] = [];
  const summarized: string[] = [];
  for (const error of errors) {
    const { keyword, keywordLocation, instanceLocation } = error;
    if (containers.has(keyword) || summarized.some((above) => keywordLocation.startsWith(above))) continue;
    if (summaries.has(keyword)) summarized.push(`${keywordLocation}/`);
    // The validator writes the pointer as the fragment of a URI.
    const pointer = cut(decodeURIComponent(instanceLocation.slice(1)));
    reasons.push({ pointer, detail: cut(detailOf(error)) });
    if (reasons.length === reasonsMax) break;
  }
  return reasons;
}

/** The validator's message, without the values that it quotes from the payload. */
function detailOf({ keyword, error }: OutputUnit): string {
  if (keyword === "false") return "It is not allowed here.";
  if (keyword === "propertyNames") return "The name of a property is not allowed.";
  if (keyword === "type")
    return error.replace(wrongType, "It is of type $1 and must be $2.").replaceAll('", "', " or ");
  if (comparisons.has(keyword)) return error.replace(/^\S+/, "It");
  return error.replace(/^Instance/, "The value");
}

function cut(text: string): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).toWellFormed()}…`;
}
