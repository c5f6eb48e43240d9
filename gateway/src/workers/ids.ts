import { createHash } from "node:crypto";

/**
 * The id by which requests-service knows the worker that a client calls `publicId`. It depends on the API key: with
 * another key the same id names another worker, which does not exist. So a worker belongs to the key that registered
 * it, although gateways keep no record of workers.
 */
export function workerIdOf(keyName: string | undefined, publicId: string): string {
  return uuidOf("worker", keyName ?? "", publicId);
}

/** The id of the result of a run: the same each time the run is finished. */
export function resultIdOf({ execution_id, epoch }: { execution_id: string; epoch: number }): string {
  return uuidOf("result", execution_id, String(epoch));
}

/** A UUID version 8 of 122 bits of a hash. https://www.rfc-editor.org/rfc/rfc9562#section-5.8 */
function uuidOf(...parts: string[]): string {
  const bytes = createHash("sha256").update(JSON.stringify(parts)).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
