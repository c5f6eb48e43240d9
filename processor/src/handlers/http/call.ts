import { type IncomingHttpHeaders, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";

export type HttpResponse = {
  status: number;
  headers: IncomingHttpHeaders;
  /** `null` if it has more than the limit. */
  body: Buffer | null;
};

export type HttpPost = {
  headers: Record<string, string>;
  body: Uint8Array;
  /** The limit for the body of the response. Reading stops when it is exceeded. */
  bytesMax: number;
  signal: AbortSignal;
  /** Instead of the system's resolution of names; never called for a URL with an address. */
  lookup?: LookupFunction;
};

/**
 * Sends one POST and reads the response. Does not follow redirects or retry, and has no timeout except `signal`.
 * Rejects if there is no complete response, or at once when `signal` is aborted. Leaves no connection open.
 *
 * Not `fetch`: Bun lets 256 fetches run at once in a process, so that slow endpoints would hold up the heartbeats of
 * the worker, and all its runs would be lost. And each call has a connection of its own: on one that is kept alive a
 * POST can meet the endpoint closing it, and then it is unknown whether the endpoint works on it.
 */
export function httpPost(url: URL, { headers, body, bytesMax, ...rest }: HttpPost): Promise<HttpResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  const length = { "content-length": String(body.length) };
  const options = { method: "POST", headers: { ...headers, ...length }, agent: false, ...rest };
  const request = send(url, options);
  request.on("error", reject);
  request.on("response", (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    function end(whole: Buffer | null): void {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole });
      request.destroy();
    }
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) end(null);
      else chunks.push(chunk);
    });
    response.on("end", () => end(Buffer.concat(chunks)));
    response.on("error", reject);
    // Always the last event: a complete response has already resolved the promise.
    response.on("close", () => reject(new Error("The response is incomplete.")));
  });
  request.end(body);
  return promise;
}
