import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Api, ApiFunctions } from "../internal/api.ts";
import { isUnavailable, Unavailable } from "../internal/unavailable.ts";
import { limits } from "../values/limits.ts";
import { inTime } from "./deadline.ts";
import type { Counters } from "./metrics.ts";

type HttpClientOptions = {
  /** `http://host:port`, or several with commas between them: they are called in turn. */
  urls: string;
  serviceToken: string;
  /** The name in messages: "requests-service". */
  service: string;
  counters: Counters;
  /** For one call, its repetition included. */
  deadlineMs?: number;
};

/** How long an address that failed is avoided. */
const leftOutMs = 5_000;

/**
 * An internal API over HTTP, as functions. Every operation may be repeated, so a call that fails is made once more,
 * at the next address. A frozen process does not fail, it only never responds: if there are several addresses, the next
 * one is also called after half of the time, and the first valid response counts. An address that failed or was late is
 * avoided for a while, so that it does not slow down every other call. Rejects with `Unavailable`; the reason is
 * "unexpected_response" if the response does not match the contract, and "not_done" if every
 * address refused the connection.
 */
export function httpClient<A extends Api>(api: A, options: HttpClientOptions): ApiFunctions<A> {
  const { serviceToken, service, counters, deadlineMs = 8_000 } = options;
  const headers = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" };
  const addresses = inTurn(options.urls.split(","));

  function unexpected(message: string): Unavailable {
    counters.add("http_refusals");
    return new Unavailable(message, { reason: "unexpected_response" });
  }

  /** The body of a valid response. */
  async function ask(url: string, path: string, body: string, signal: AbortSignal): Promise<string> {
    counters.add("http_calls");
    // Redirects would send the token elsewhere, and the size of a compressed body is not limited.
    const safely = { redirect: "error", decompress: false } as const;
    const response = await fetch(`${url}${path}`, { method: "POST", headers, body, signal, ...safely });
    const text = response.ok ? await textWithin(response, limits.internalBodyBytesMax) : null;
    if (text !== null) return text;
    await response.body?.cancel();
    if ([502, 503, 504].includes(response.status)) throw new Unavailable(`${service} is not ready.`);
    throw unexpected(
      `${service} responded to ${path} with ${response.ok ? "too large a body" : response.status}.`,
    );
  }

  async function call(path: string, body: string): Promise<string> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(deadlineMs)]);
    const url = addresses.next();
    const first = ask(url, path, body, signal);
    try {
      return await (addresses.count === 1 ? first : inTime(first, deadlineMs / 2)).catch((error) => {
        if (isUnexpected(error)) throw error;
        addresses.leaveOut(url);
        return Promise.any([first, ask(addresses.next(), path, body, signal)]);
      });
    } catch (cause) {
      const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
      const known = causes.find(isUnexpected) ?? causes.find(isUnavailable);
      // Every address refused the connection: none has received the request.
      const reason = causes.every(isConnectionRefused) ? "not_done" : "no_response";
      const what = reason === "not_done" ? "refused the connection" : "did not respond in time";
      throw known ?? new Unavailable(`${service} ${what}.`, { cause, reason });
    } finally {
      ended.abort();
    }
  }

  const functions = Object.entries(api).map(([name, { path, response }]) => {
    const check = TypeCompiler.Compile(response);
    const operation = async (body: unknown) => {
      const got = parsed(await call(path, JSON.stringify(body)));
      if (!check.Check(got))
        throw unexpected(`${service} responded to ${path} with a body that does not match the contract.`);
      return got;
    };
    return [name, operation];
  });
  return Object.fromEntries(functions) as ApiFunctions<A>;
}

/** Returns the addresses in turn, without those to be avoided unless there are no others. */
function inTurn(urls: string[]) {
  const outUntil = new Map<string, number>();
  let turn = Math.floor(Math.random() * urls.length);
  return {
    count: urls.length,
    next(): string {
      const now = performance.now();
      const following = [...urls.slice(turn + 1), ...urls.slice(0, turn + 1)];
      const url = following.find((one) => (outUntil.get(one) ?? 0) <= now) ?? (following[0] as string);
      turn = urls.indexOf(url);
      return url;
    },
    leaveOut: (url: string) => void outUntil.set(url, performance.now() + leftOutMs),
  };
}

/** `null` if the body is larger. With a declared length, which a body cannot exceed, the runtime reads it faster. */
async function textWithin(response: Response, bytesMax: number): Promise<string | null> {
  const declared = response.headers.get("content-length");
  if (declared !== null) return Number(declared) <= bytesMax ? response.text() : null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
  }
  return Buffer.concat(chunks).toString();
}

function isUnexpected(error: unknown): boolean {
  return isUnavailable(error) && error.reason === "unexpected_response";
}

function isConnectionRefused(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "ECONNREFUSED";
}

/** `undefined`, which no contract allows, for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
