import { createHmac } from "node:crypto";

/**
 * The key of a secret: the Base64 after `whsec_`, as in Standard Webhooks, or the bytes of any other secret. `null` if
 * the part after `whsec_` is empty or not Base64.
 */
export function signingKey(secret: string): Uint8Array | null {
  const base64 = secret.startsWith("whsec_") ? secret.slice("whsec_".length) : null;
  if (base64 !== null && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return null;
  return base64 === null ? Buffer.from(secret) : Buffer.from(base64, "base64");
}

/**
 * The headers that sign a body: with them, the receiver verifies that the sender has one of the keys and that the call is
 * recent. `atMs`: ms since 1970.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureHeaders(
  keys: readonly Uint8Array[],
  { id, atMs, body }: { id: string; atMs: number; body: Uint8Array },
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1_000));
  const signatures = keys.map((key) => {
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
    return `v1,${signature.digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
