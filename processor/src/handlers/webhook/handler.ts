import {
  type DeliveryApi,
  isUnavailable,
  type JsonText,
  jsonAt,
  webhookProcessor as name,
  toJson,
} from "@sate/contracts";
import type { Handler, HandlerEnd, HandlerRun, Processor } from "../../ports.ts";
import { pause, type Time } from "../../time.ts";
import { failed } from "../ends.ts";
import { type HttpResponse, httpPost } from "../http/call.ts";
import { httpGraceMs, retryAfterMs, whyUnreachable } from "../http/handler.ts";
import { signatureHeaders, signingKey } from "../http/signature.ts";
import type { AddressPolicy } from "./addresses.ts";
import { AddressRefused, checkedLookup } from "./checked-lookup.ts";
import { deliveryRetry, deliveryTimeoutSeconds, isLastTry, pauseMs } from "./schedule.ts";
import { createSlowReceivers } from "./slow-receivers.ts";

type WebhookParts = {
  requests: DeliveryApi;
  policy: AddressPolicy;
  time: Time;
  random: () => number;
  post?: typeof httpPost;
};

/** Deliveries that a worker makes at once. */
const concurrency = 32;
/** How long a receiver may take to respond. */
const callMsMax = 15_000;
/** Of the response, which is not used. */
const responseBytesMax = 64 * 1024;
/** The pause before a call to requests-service that got no response is repeated. */
const askAgainMs = 1_000;

/**
 * The built-in processor that delivers webhooks. A run is one call of the receiver, signed as in Standard Webhooks; each
 * reads the address and the secrets again. Only a status of 2xx is success. After a failure, the schedule says when the
 * next try is; after the last one, the delivery is a dead letter.
 */
export function webhookProcessor(parts: WebhookParts): Processor {
  return {
    announcement: {
      ...{ name, kind: "http", timeout_seconds: deliveryTimeoutSeconds },
      ...{ concurrency, retry: deliveryRetry },
    },
    handler: webhookHandler(parts),
    graceMs: httpGraceMs,
    hasOwnSlots: true,
  };
}

function webhookHandler({ requests, policy, time, random, post = httpPost }: WebhookParts): Handler {
  const slowReceivers = createSlowReceivers(time.monotonic);

  /** Repeats a call while requests-service does not respond: that is not a failure of the receiver. */
  async function ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await question();
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        await pause(time, askAgainMs, signal);
      }
    }
  }

  /** The response, or why there is none. */
  async function call(
    run: HandlerRun,
    target: { url: string; secrets: string[] },
    delivery: { webhook_id: string; body: Uint8Array },
  ): Promise<HttpResponse | Problem> {
    const { webhook_id, body } = delivery;
    if (!slowReceivers.mayCall(webhook_id)) {
      return { code: "receiver_slow", message: "The receiver did not respond in time to the previous call." };
    }
    const timeout = new AbortController();
    const cancelTimeout = time.after(callMsMax, () => timeout.abort());
    try {
      const url = new URL(target.url);
      return await post(url, {
        headers: headersOf(run, { secrets: target.secrets, body, atMs: time.now() }),
        body,
        bytesMax: responseBytesMax,
        signal: AbortSignal.any([run.signal, timeout.signal]),
        lookup: checkedLookup(url, policy),
      });
    } catch (error) {
      run.signal.throwIfAborted();
      return problemOf(error, timeout.signal.aborted);
    } finally {
      cancelTimeout();
      slowReceivers.called(webhook_id, timeout.signal.aborted);
    }
  }

  return async (run) => {
    const delivery = deliveryOf(run.payloadJson);
    const { webhook_id } = delivery;
    const target = await ask(run.signal, () => requests.deliveryTarget({ webhook_id }));
    if (target.kind !== "found") {
      return failed(`webhook_${target.kind}`, `The webhook is ${target.kind}, so nothing was sent.`, false);
    }
    const result = await call(run, target, delivery);
    const isResponse = "status" in result;
    run.log(`try ${run.tryNumber}: ${isResponse ? `status ${result.status}` : result.message}\n`);
    if (!isResponse) return failure(result, 0);
    const { status, headers } = result;
    if (status >= 200 && status <= 299) return { kind: "succeeded", outputsJson: toJson({ status }) };
    if (status === 410) {
      const reason = "The receiver responded with status 410: it wants no more deliveries.";
      await ask(run.signal, () => requests.disableWebhook({ webhook_id, reason }));
      return failed("webhook_gone", reason, false);
    }
    const problem = { code: `http_${status}`, message: `The receiver responded with status ${status}.` };
    return failure(problem, retryAfterMs(headers["retry-after"], headers.date, time.now) ?? 0);

    function failure(error: Problem, askedMs: number): HandlerEnd {
      if (isLastTry(run.tryNumber)) return { kind: "broken", error };
      return { kind: "failed", error, retryAfterMs: pauseMs(run.tryNumber, askedMs, random()) };
    }
  };
}

type Problem = { code: string; message: string };

/** The body is a part of the payload as it was stored, so it is the same in every try. */
function deliveryOf(payloadJson: JsonText): { webhook_id: string; body: Uint8Array } {
  const { id, message } = jsonAt(payloadJson, { id: ["webhook_id"], message: ["message"] });
  if (id === undefined || message === undefined) throw new Error("the payload is not a delivery");
  return { webhook_id: JSON.parse(id), body: Buffer.from(message) };
}

/** The id is that of the request: the same in every try, and if a dead letter is replayed. */
function headersOf(
  run: HandlerRun,
  { secrets, body, atMs }: { secrets: string[]; body: Uint8Array; atMs: number },
): Record<string, string> {
  const keys = secrets.flatMap((secret) => signingKey(secret) ?? []);
  return {
    accept: "*/*",
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "Sate",
    ...signatureHeaders(keys, { id: run.requestId, atMs, body }),
  };
}

function problemOf(error: unknown, hasTimedOut: boolean): Problem {
  if (hasTimedOut) {
    return {
      code: "receiver_timeout",
      message: `The receiver did not respond within ${callMsMax / 1_000} seconds.`,
    };
  }
  if (error instanceof AddressRefused) {
    const message =
      "Sate may not call any address of the receiver. Use a public https:// address, or ask the operator to allow this one in WEBHOOK_ALLOW.";
    return { code: "address_refused", message };
  }
  return { code: "http_unreachable", message: whyUnreachable(error) };
}
