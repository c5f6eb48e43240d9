import { type JsonText, limits, readJson } from "@sate/contracts";
import { Refusal } from "./refusal.ts";

export type BodyTerms = {
  bytesMax: number;
  /** Told of every piece before it is kept; throws a refusal when there is no room for it. */
  take: (bytes: number) => void;
  /** Told when the client sends fast enough to be waited for longer. */
  onProgress: () => void;
};

/** A client that is slower than this, on the average of its body, is not waited for: the server's idle timeout cuts it. */
const bytesPerSecondMin = 1_024;

/**
 * The body of a request as checked JSON text, `null` if it is empty. The bytes are read here and nowhere
 * else, so that a payload stays what was sent, and reading stops as soon as the answer is known.
 */
export async function readBody(request: Request, terms: BodyTerms): Promise<JsonText | null> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > 0) checkHeaders(request.headers);
  if (declared > terms.bytesMax) throw tooLarge(terms.bytesMax);
  const bytes = await readBytes(request, terms);
  if (bytes === null) return null;
  try {
    return readText(bytes);
  } finally {
    free([bytes]);
  }
}

function readText(bytes: Uint8Array): JsonText {
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
        "The body is not JSON as RFC 8259 has it. Correct it and send it again.",
      );
    case "read":
      return reading.text;
  }
}

/** All bytes of the body; `null` if there are none, whatever its headers say. */
async function readBytes(request: Request, terms: BodyTerms): Promise<Uint8Array | null> {
  if (request.body === null) return null;
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
      terms.take(piece.length);
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
 * Gives their memory back at once. The collector would, but it comes late: in a flood, bodies that are refused or
 * done with would take several times what is held. Only buffers of their own, which those of a connection are.
 */
function free(pieces: Uint8Array[]): void {
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
    // The connection ended within the body, so hardly anybody reads this.
    throw new Refusal("malformed-json", "The body ended before its end. Send it again.");
  } finally {
    // What has not been read is not wanted. Not waited for: a client decides when it ends.
    reader.cancel().catch(() => {});
  }
}

/** With the rest of the body unread, the connection is of no more use. */
const closes = { connection: "close" };

function tooLarge(bytesMax: number): Refusal {
  const detail = `The body may have ${bytesMax} bytes. Keep larger data elsewhere and send a reference to it.`;
  return new Refusal("body-too-large", detail, {}, closes);
}

function checkHeaders(headers: Headers): void {
  if (!isJson(headers.get("content-type") ?? "")) {
    throw new Refusal(
      "unsupported-media-type",
      "Send JSON in UTF-8 with the header Content-Type: application/json (with curl: -H 'Content-Type: application/json').",
      {},
      closes,
    );
  }
  const encoding = (headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "") {
    const detail = "Send the body as it is, without the header Content-Encoding.";
    throw new Refusal("unsupported-content-encoding", detail, {}, closes);
  }
}

/** `application/json`, with any parameters but a charset that is not UTF-8. */
function isJson(contentType: string): boolean {
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  if (type !== "application/json") return false;
  return parameters.every((parameter) => {
    const [name, value = ""] = parameter.split("=");
    return name !== "charset" || value.replaceAll('"', "") === "utf-8";
  });
}
