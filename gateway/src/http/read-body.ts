import { type JsonText, limits, readJson } from "@sate/contracts";
import { truncated } from "./check-connection.ts";
import { Refusal } from "./problem-response.ts";

export type BodyTerms = {
  bytesMax: number;
  /** Called with the size of every piece before it is kept; throws a refusal when there is no room for it. */
  hold: (bytes: number) => void;
  /** Called at the start, and whenever the client sends fast enough to be waited for longer. */
  onProgress: () => void;
};

/** A body as it was sent, and its value. */
export type Json = { text: JsonText; value: unknown };

/** A client that is slower than this, on the average of its body, is not waited for: the idle timeout cuts it. */
const bytesPerSecondMin = 1_024;

/**
 * The body of a request as checked JSON, `null` if it is empty. The bytes are read here and nowhere else, so a payload
 * stays what was sent, and reading stops as soon as the refusal is known; discard-body.ts reads the rest.
 */
export async function readBody(request: Request, terms: BodyTerms): Promise<Json | null> {
  if (request.headers.has("trailer")) {
    // Bun refuses trailers itself, but may see them only after the body was acted on.
    const detail = "Send the body without trailer fields, and without the header Trailer.";
    throw new Refusal("unsupported-content-encoding", detail);
  }
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > 0) checkHeaders(request.headers);
  if (declared > terms.bytesMax) throw tooLarge(terms.bytesMax);
  const bytes = await readBytes(request, terms);
  if (bytes === null) return null;
  try {
    return parse(bytes);
  } finally {
    free([bytes]);
  }
}

function parse(bytes: Uint8Array): Json {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new Refusal(
      "malformed-encoding",
      "The body begins with a byte order mark. Send UTF-8 without one.",
    );
  }
  const reading = readJson(bytes, limits.nestingMax);
  switch (reading.kind) {
    case "bad_encoding":
      throw new Refusal("malformed-encoding", "The body has bytes that are not UTF-8. Send it as UTF-8.");
    case "too_deep":
      throw new Refusal(
        "nested-too-deep",
        `Arrays and objects may be nested ${limits.nestingMax} deep, the body itself counted.`,
      );
    case "not_json":
      throw new Refusal(
        "malformed-json",
        "The body is not valid JSON (RFC 8259). Correct it and send it again.",
      );
    case "read":
      return reading;
  }
}

/** All bytes of the body; `null` if there are none, whatever its headers say. */
async function readBytes(request: Request, terms: BodyTerms): Promise<Uint8Array | null> {
  if (request.body === null) return null;
  terms.hold(0);
  terms.onProgress();
  const startedAt = performance.now();
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of piecesOf(request.body)) {
      if (piece.length === 0) continue;
      pieces.push(piece);
      if (size === 0) checkHeaders(request.headers);
      size += piece.length;
      if (size > terms.bytesMax) throw tooLarge(terms.bytesMax);
      terms.hold(piece.length);
      const seconds = (performance.now() - startedAt) / 1_000;
      if (size >= seconds * bytesPerSecondMin) terms.onProgress();
    }
    if (pieces.length === 1) return pieces.pop() as Uint8Array;
    return size === 0 ? null : Buffer.concat(pieces, size);
  } finally {
    free(pieces);
  }
}

/**
 * Gives memory back at once instead of when the collector comes: 1,000 bodies of 512 KiB at once took up to 680 MiB
 * without this, and 350 MiB with it (test/flood.test.ts). Only buffers of their own, which those of a connection are.
 */
export function free(pieces: Uint8Array[]): void {
  for (const { buffer, byteLength } of pieces) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
}

async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch {
    throw truncated();
  } finally {
    reader.releaseLock();
  }
}

function tooLarge(bytesMax: number): Refusal {
  const detail = `The body may have at most ${bytesMax} bytes. Keep larger data elsewhere and send a reference to it.`;
  return new Refusal("body-too-large", detail);
}

function checkHeaders(headers: Headers): void {
  if (!isJson(headers.get("content-type") ?? "")) {
    throw new Refusal(
      "unsupported-media-type",
      "Send JSON in UTF-8 with the header Content-Type: application/json (with curl: -H 'Content-Type: application/json').",
    );
  }
  const encoding = (headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "") {
    const detail = "Send the body uncompressed, without the header Content-Encoding.";
    throw new Refusal("unsupported-content-encoding", detail);
  }
}

/** Names that clients use for UTF-8; the second is not registered, but common. */
const utf8Names = ["utf-8", "utf8"];

/** `application/json`, with any parameters but a charset that is not UTF-8. */
function isJson(contentType: string): boolean {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  if (type !== "application/json") return false;
  return parameters.every((parameter) => {
    const [name, value = ""] = parameter.split("=");
    return name !== "charset" || utf8Names.includes(value.replaceAll('"', ""));
  });
}
