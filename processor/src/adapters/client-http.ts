import type { Api, ApiFunctions } from "@sate/contracts";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Counters } from "../counters.ts";
import { Unavailable } from "../ports.ts";

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

/** Answers that say that the other side is not well, and perhaps is a moment later or elsewhere. */
const isPassing = (status: number) => status === 502 || status === 503 || status === 504;

/**
 * An internal API over HTTP, as functions. Every operation may be repeated, so one that got no answer is
 * asked once more, of the next address. Rejects with `Unavailable` when there is no answer in time, and with
 * an error of ours when the answer is not what the contract says. Connections are kept alive by `fetch`.
 */
export function httpClient<A extends Api>(api: A, options: HttpClientOptions): ApiFunctions<A> {
  const { serviceToken, service, counters, deadlineMs = 8_000 } = options;
  const urls = options.urls.split(",");
  const headers = { authorization: `Bearer ${serviceToken}`, "content-type": "application/json" };
  let turn = Math.floor(Math.random() * urls.length);

  async function ask(path: string, body: string, signal: AbortSignal): Promise<Response> {
    turn = (turn + 1) % urls.length;
    counters.add("http_calls");
    const response = await fetch(`${urls[turn]}${path}`, { method: "POST", headers, body, signal });
    if (isPassing(response.status)) throw new Unavailable(`${service} is not well.`);
    return response;
  }

  async function call(path: string, body: string): Promise<unknown> {
    const signal = AbortSignal.timeout(deadlineMs);
    try {
      const response = await ask(path, body, signal).catch(() => ask(path, body, signal));
      if (response.ok) return await response.json();
      await response.body?.cancel();
      counters.add("http_refusals");
      if (response.status < 500) throw new Error(`${service} refused ${path} with ${response.status}`);
      throw new Unavailable(`${service} failed.`);
    } catch (cause) {
      if (cause instanceof Unavailable) throw cause;
      throw new Unavailable(`${service} did not answer, or not in time.`, { cause });
    }
  }

  const functions = Object.entries(api).map(([name, { path, answer }]) => {
    const check = TypeCompiler.Compile(answer);
    const operation = async (body: unknown) => {
      const got = await call(path, JSON.stringify(body));
      if (!check.Check(got)) throw new Unavailable(`${service} gave an answer that cannot be understood.`);
      return got;
    };
    return [name, operation];
  });
  return Object.fromEntries(functions) as ApiFunctions<A>;
}
