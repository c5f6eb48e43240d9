import type { HttpDeclaration } from "../declaration-schema.ts";
import { unsetProblem } from "../run-limits.ts";
import { type Endpoint, ownHeaders } from "./handler.ts";
import { signingKey } from "./signature.ts";

type Environment = Record<string, string | undefined>;

/**
 * The endpoint of a declaration, with the environment variables that it names: `${NAME}` in the value of a header, and
 * the signing secret. Reports all problems at once, and never repeats a value.
 */
export function readEndpoint(
  { url, headers = {}, signing_secret_env }: HttpDeclaration,
  env: Environment,
): { kind: "read"; endpoint: Endpoint } | { kind: "wrong"; problems: string[] } {
  const problems: string[] = [];
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address === null) problems.push("`url` must be an address that begins with https:// or http://.");
  else if (address.username !== "" || address.password !== "") {
    problems.push("`url` must not contain a user name or password: use an Authorization header.");
  }

  const valued: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const filled = withVariables(value, env);
    if (filled.missing.length > 0) {
      problems.push(unsetProblem(`headers.${name}`, filled.missing));
    } else if (isOwnHeader(name))
      problems.push(`\`headers.${name}\` is set by Sate and cannot be overridden.`);
    else if (!isHeader(name, filled.text))
      problems.push(
        `\`headers.${name}\` is not a valid HTTP header: its name or value contains a forbidden character.`,
      );
    else valued[name.toLowerCase()] = filled.text;
  }

  const secret = signing_secret_env && env[signing_secret_env];
  const key = secret ? signingKey(secret) : null;
  if (signing_secret_env !== undefined && !secret)
    problems.push(unsetProblem("signing_secret_env", [signing_secret_env]));
  else if (secret && key === null)
    problems.push(
      `\`signing_secret_env\` names ${signing_secret_env}, whose value must be Base64 after \`whsec_\`.`,
    );

  if (problems.length > 0 || address === null) return { kind: "wrong", problems };
  return { kind: "read", endpoint: { url: address, headers: valued, signingKey: key } };
}

function withVariables(value: string, env: Environment): { text: string; missing: string[] } {
  const missing: string[] = [];
  const text = value.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    if (!env[name]) missing.push(name);
    return env[name] ?? "";
  });
  return { text, missing };
}

function isOwnHeader(name: string): boolean {
  return ownHeaders.has(name.toLowerCase()) || /^(sate|webhook)-/i.test(name);
}

function isHeader(name: string, value: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value);
}
