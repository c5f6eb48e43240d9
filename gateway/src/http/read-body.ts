import { type JsonText, readJson } from "@sate/contracts";
import { Refusal } from "./problem-response.ts";

type BodyTerms = {
  bytesMax: number;
  nestingMax: number;
  /** Called with the size of every chunk before it is kept; throws the refusal if it does not fit. */
  hold: (bytes: number) => void;
  /** Called at the start, and after every chunk while the client sends fast enough. */
  onProgress: () => void;
};

/** A body as it was sent, and its value. */
export type Json = { text: JsonText; value: unknown };

/** A client that is slower than this on average is not waited for: the idle timeout closes its connection. */
const bytesPerSecondMin = 1_024;

/**
 * The body of a request as checked JSON, or `null` if it is empty. Only this function reads bodies, so payloads stay as
 * they were sent. It stops reading when a refusal is certain; discard-body.ts reads the rest.
 */
export async function readBody(request: Request, terms: BodyTerms): Promise<Json | null> {
  const { headers } = request;
  if (headers.has("trailer")) {
    // Bun refuses trailers itself, but may see them only after the body was acted on.
    throw new Refusal(
      "unsupported-content-encoding",
      "Trailer fields are not supported. Send the body without them, and without the Trailer header.",
    );
  }
  const declared = Number(headers.get("content-length") ?? 0);
  if (declared > 0) checkHeaders(headers);
  if (declared > terms.bytesMax) throw tooLarge(terms.bytesMax);
  const bytes = await readBytes(request, terms);
  const json = bytes === null ? null : parse(bytes, terms.nestingMax);
  await checkConnection(request);
  return json;
}

const unreadable = {
  byte_order_mark: ["malformed-encoding", "The body starts with a byte order mark. Send UTF-8 without one."],
  bad_encoding: ["malformed-encoding", "The body contains bytes that are not UTF-8. Send it as UTF-8."],
  too_deep: [
    "nested-too-deep",
    "The body is nested deeper than {max} arrays and objects, itself included. Flatten it.",
  ],
  not_json: ["malformed-json", "The body is not valid JSON (RFC 8259). Correct it and send it again."],
} as const;

function parse(bytes: Uint8Array, nestingMax: number): Json {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const reading = hasMark ? { kind: "byte_order_mark" as const } : readJson(bytes, nestingMax);
  free([bytes]);
  if (reading.kind === "read") return reading;
  const [name, detail] = unreadable[reading.kind];
  throw new Refusal(name, detail.replace("{max}", String(nestingMax)));
}

/**
 * Throws if the connection is closed, so that nothing takes effect that cannot be reported. Bun delivers a body before
 * it parses the bytes that follow in the same read. If they are trailers, a second request or not HTTP, Bun closes the
 * connection in this turn of the event loop; so this waits for its end. The README, "HTTP limits of Bun", lists what
 * remains.
 */
async function checkConnection({ signal }: Request): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw truncated();
}

/** Hardly any client reads this: the connection is closed. */
function truncated(): Refusal {
  return new Refusal("malformed-json", "The request body was truncated. Send it again.");
}

/** All bytes of the body; `null` if there are none, whatever the headers say. */
async function readBytes({ body, headers }: Request, terms: BodyTerms): Promise<Uint8Array | null> {
  if (body === null) return null;
  terms.hold(0);
  terms.onProgress();
  const startedAt = performance.now();
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value: chunk } = await reader.read().catch(() => Promise.reject(truncated()));
      if (done) break;
      if (chunk.length === 0) continue;
      chunks.push(chunk);
      if (size === 0) checkHeaders(headers);
      size += chunk.length;
      if (size > terms.bytesMax) throw tooLarge(terms.bytesMax);
      terms.hold(chunk.length);
      const seconds = (performance.now() - startedAt) / 1_000;
      if (size >= seconds * bytesPerSecondMin) terms.onProgress();
    }
    if (chunks.length === 1) return chunks.pop() as Uint8Array;
    return size === 0 ? null : Buffer.concat(chunks, size);
  } finally {
    reader.releaseLock();
    free(chunks);
  }
}

/**
 * Frees memory at once instead of at the next garbage collection: 1,000 bodies of 512 KiB at once took up to 680 MiB
 * without this, and 350 MiB with it (test/capacity/flood.test.ts). Only chunks with buffers of their own, as those of
 * connections are.
 */
export function free(chunks: Uint8Array[]): void {
  for (const { buffer, byteLength } of chunks) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal(
    "body-too-large",
    `The body has more than ${bytesMax} bytes. Store the data elsewhere and send a reference to it.`,
  );
}

function checkHeaders(headers: Headers): void {
  if (!isJson(headers.get("content-type") ?? "")) {
    throw new Refusal(
      "unsupported-media-type",
      "The body is not declared as JSON in UTF-8. Send the header Content-Type: application/json (with curl: -H 'Content-Type: application/json').",
    );
  }
  const encoding = (headers.get("content-encoding") ?? "").trim().toLowerCase();
  if (encoding !== "identity" && encoding !== "") {
    throw new Refusal(
      "unsupported-content-encoding",
      "Encoded bodies are not supported. Send the body uncompressed, without the Content-Encoding header.",
    );
  }
}

/** `application/json`, with any parameters but a charset that is not UTF-8. `utf8` is not registered, but common. */
function isJson(contentType: string): boolean {
  const [type, ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  return type === "application/json" && parameters.every((one) => !/^charset($|=(?!"?utf-?8"?$))/.test(one));
}
