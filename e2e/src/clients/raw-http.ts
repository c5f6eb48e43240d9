import { connect } from "node:net";

export type RawAnswer = {
  status: number;
  headers: Headers;
  body: string;
  /** Everything received, head and body. */
  text: string;
  /** From the start to the end of the response, or of the connection. */
  ms: number;
  /** Whether the server closed the connection. */
  isClosed: boolean;
};

type RawTerms = {
  /** Waits for the end of the connection, not only of the response. */
  untilClosed?: boolean;
  /** Sends this repeatedly afterwards. */
  drip?: { text: string; everyMs: number };
  deadlineMs?: number;
};

/** Sends bytes as they are and reads one response. Never rejects: without a response the status is 0. */
export function rawly(url: string, bytes: string | Uint8Array, terms: RawTerms = {}): Promise<RawAnswer> {
  const { untilClosed = false, drip, deadlineMs = 10_000 } = terms;
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const startedAt = performance.now();
    const socket = connect(Number(port), hostname);
    let dripping: ReturnType<typeof setInterval> | undefined;
    const deadline = setTimeout(() => done(false), deadlineMs);
    function done(isClosed: boolean): void {
      clearTimeout(deadline);
      clearInterval(dripping);
      socket.removeAllListeners("close").destroy();
      const text = Buffer.concat(pieces).toString();
      resolve({ ...parsed(text), text, ms: performance.now() - startedAt, isClosed });
    }
    socket.on("connect", () => {
      if (bytes.length > 0) socket.write(bytes);
      if (drip) dripping = setInterval(() => socket.write(drip.text), drip.everyMs);
    });
    socket.on("data", (piece) => {
      pieces.push(Buffer.from(piece));
      if (!untilClosed && isWhole(Buffer.concat(pieces))) done(false);
    });
    // The server may close while this is still writing. What it sent before is the response.
    socket.on("error", () => {});
    socket.on("close", () => done(true));
  });
}

/** A request as bytes. It has a Content-Length unless the headers say otherwise. */
export function requestBytes(
  method: string,
  target: string,
  headers: Record<string, string> = {},
  body: string | Uint8Array = "",
): Buffer {
  const bytes = Buffer.from(body);
  const all: Record<string, string> = { Host: "sate.example", ...headers };
  if (bytes.length > 0 && !("Transfer-Encoding" in all)) all["Content-Length"] ??= String(bytes.length);
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`), bytes]);
}

const headEnd = "\r\n\r\n";

function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(bytes.subarray(0, end).toString())?.[1];
  return length !== undefined && bytes.length >= end + headEnd.length + Number(length);
}

function parsed(text: string): Pick<RawAnswer, "status" | "headers" | "body"> {
  const end = text.indexOf(headEnd);
  const [statusLine = "", ...lines] = text.slice(0, Math.max(end, 0)).split("\r\n");
  const headers = new Headers(lines.map((line) => line.split(": ", 2) as [string, string]));
  const body = end < 0 ? "" : text.slice(end + headEnd.length);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0), headers, body };
}
