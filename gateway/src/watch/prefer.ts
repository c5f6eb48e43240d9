import { limits } from "@sate/contracts";

const waitPreference = /^\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?:;.*)?$/i;

/**
 * The seconds of the first `wait` preference of a request, at most the maximum; `null` if there is none. Other
 * preferences and malformed ones are ignored. https://www.rfc-editor.org/rfc/rfc7240#section-4.3
 */
export function preferredWait(headers: Headers): number | null {
  for (const preference of headers.get("prefer")?.split(",") ?? []) {
    const [, bare, quoted] = waitPreference.exec(preference) ?? [];
    const seconds = bare ?? quoted;
    if (seconds !== undefined) return Math.min(Number(seconds), limits.waitSecondsMax);
  }
  return null;
}
