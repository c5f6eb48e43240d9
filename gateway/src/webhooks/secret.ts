import { randomBytes } from "node:crypto";
import { isWebhookSecret } from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";

const secretBytes = 32;

/** The signing secret that the client gave, or a new one. */
export function secretOf(given: string | undefined): string {
  if (given === undefined) return `whsec_${randomBytes(secretBytes).toString("base64")}`;
  if (isWebhookSecret(given)) return given;
  const detail =
    "`secret` must be whsec_ followed by 24 to 64 bytes in Base64. Leave it out, and one is generated.";
  throw new Refusal("invalid-body", detail, { field: "secret" });
}
