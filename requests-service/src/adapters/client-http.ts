import type { Api, ApiFunctions } from "@sate/contracts";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Counters } from "../counters.ts";
import { inTime } from "../in-time.ts";
import { Unavailable } from "../ports.ts";
import { Refused } from "../refused.ts";

export type HttpClientOptions = {
  /** `http://host:port`, or several with commas between them: they are asked in turn. */
  urls: string;
  serviceToken: string;
  /** What is asked, as a person calls it: "requests-service". */
  service: string;
  counters: Counters;
  /** For one call, its repetition included. */
  deadlineMs?: number;
};

/** How long an address that failed is left out. */
const illMs = 5_000;

/** Answers that say that the other side is not well, and perhaps is a moment later or elsewhere. */
const isPassing = (status: number) => status === 502 || status === 503 || status === 504;

/**
 * An internal API over HTTP, as functions. Every operation may be repeated, so one that fails is asked once
 * more, of the next address; where there are several also one that has no answer in half of its time, since a
 * frozen process never fails: then the first good answer counts. An address that failed or was silent is
 * left out for a while, as long as there is another, so that one frozen process does not slow down every
 * second call. Rejects with `Unavailable` when there is none in time; with `Refused` as its cause when there is
 * an answer, but not as the contract says. Connections are kept alive by `fetch`.
 */
export function httpClient<A extends Api>(api: A, options: HttpClientOptions): ApiFunctions<A> {
  const { serviceToken, service, counters, deadlineMs = 8_000 } = options;
  const urls = options.urls.split(",");
  const headers = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" };
  const illUntil = new Map<string, number>();
  let turn = Math.floor(Math.random() * urls.length);

  /** The next address that is not ill, or, if all are, just the next one. */
  function nextUrl(): string {
    const inTurn = [...urls.slice(turn + 1), ...urls.slice(0, turn + 1)];
    const now = performance.now();
    const url = inTurn.find((one) => (illUntil.get(one) ?? 0) <= now) ?? (inTurn[0] as string);
    turn = urls.indexOf(url);
    return url;
  }

  /** The text of a good answer. */
  async function ask(url: string, path: string, body: string, signal: AbortSignal): Promise<string> {
    counters.add("http_calls");
    const response = await fetch(`${url}${path}`, { method: "POST", headers, body, signal });
    if (response.ok) return await response.text();
    await response.body?.cancel();
    if (isPassing(response.status)) throw new Unavailable(`${service} is not well.`);
    throw refused(`${service} refused ${path} with ${response.status}.`);
  }

  async function call(path: string, body: string): Promise<string> {
    const answered = new AbortController();
    const signal = AbortSignal.any([answered.signal, AbortSignal.timeout(deadlineMs)]);
    const url = nextUrl();
    const first = ask(url, path, body, signal);
    try {
      const isAlone = urls.length === 1;
      return await (isAlone ? first : inTime(first, deadlineMs / 2)).catch((error) => {
        if (isRefused(error)) throw error;
        illUntil.set(url, performance.now() + illMs);
        return Promise.any([first, ask(nextUrl(), path, body, signal)]);
      });
    } catch (cause) {
      const causes: unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
      const known = causes.find(isRefused) ?? causes.find((one) => one instanceof Unavailable);
      throw known ?? new Unavailable(`${service} did not answer, or not in time.`, { cause });
    } finally {
      answered.abort();
    }
  }

  function refused(message: string): Unavailable {
    counters.add("http_refusals");
    return new Unavailable(message, { cause: new Refused(message) });
  }

  const functions = Object.entries(api).map(([name, { path, answer }]) => {
    const check = TypeCompiler.Compile(answer);
    const operation = async (body: unknown) => {
      const got = parsed(await call(path, JSON.stringify(body)));
      if (!check.Check(got)) throw refused(`${service} gave an answer to ${path} that cannot be understood.`);
      return got;
    };
    return [name, operation];
  });
  return Object.fromEntries(functions) as ApiFunctions<A>;
}

function isRefused(error: unknown): boolean {
  return error instanceof Unavailable && error.cause instanceof Refused;
}

/** `undefined`, which no contract allows, for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
