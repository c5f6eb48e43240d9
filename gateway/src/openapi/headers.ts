import { limits } from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import { keyPattern } from "../http/idempotency-key.ts";

/** The request headers that several routes read, with their descriptions. */

export const idempotencyKey = {
  "Idempotency-Key": Type.String({
    pattern: keyPattern,
    description:
      "1 to 255 visible ASCII characters, bare or in double quotes. A repeated call with the same key, API key and body has no further effect: its response has the ids of the first call, and the header `Idempotency-Replayed: true`. Another body with the same key is refused.",
  }),
};

export const preferWait = {
  Prefer: Type.String({
    description: `\`wait=N\` (RFC 7240): respond once the execution has ended and every client can read its result, or after N seconds, at most ${limits.waitSecondsMax}. The response then has the header \`Preference-Applied\`, the status that was reached, and the \`result\` if the execution has ended. If too many clients are waiting, or the API key does not have the \`read\` scope, the response does not wait and has no such header.`,
  }),
};
