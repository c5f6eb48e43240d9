import type { WebhookMessage } from "@sate/contracts";
import { Webhook as Reference } from "standardwebhooks";
import { receiverHost } from "../../clients/receiver.ts";

/** What the receiver of a webhook got. */
export type Webhook = {
  /** Calls that were accepted. `id`: the header webhook-id. */
  delivered: { id: string; executionId: string; status: string }[];
  /** Calls that were refused with 503 once, to be tried again. */
  refused: number;
  /** Sentences about calls whose signature or body is wrong. */
  forged: string[];
};

const every16th = /0$/;

/**
 * A receiver of webhooks that compares the signature of each call with that of the reference library. Its time is not
 * compared: it is that of a process whose clock may have been set. The first calls of one in 16 deliveries are refused.
 */
export function startReceiver() {
  const webhook: Webhook = { delivered: [], refused: 0, forged: [] };
  const refused = new Set<string>();
  let secret = "";

  const server = Bun.serve({
    hostname: receiverHost,
    port: 0,
    async fetch(request) {
      const [id, seconds, signatures] = ["id", "timestamp", "signature"].map(
        (name) => request.headers.get(`webhook-${name}`) ?? "",
      ) as [string, string, string];
      const body = await request.text();
      const signed = new Reference(secret).sign(id, new Date(Number(seconds) * 1_000), body);
      if (!signatures.split(" ").includes(signed)) {
        webhook.forged.push(`the delivery ${id} has another signature`);
        return new Response(null, { status: 400 });
      }
      if (every16th.test(id) && !refused.has(id)) {
        refused.add(id);
        webhook.refused++;
        return new Response(null, { status: 503 });
      }
      const { execution_id = "", status = "" } = (JSON.parse(body) as WebhookMessage).data;
      webhook.delivered.push({ id, executionId: execution_id, status });
      return new Response(null, { status: 204 });
    },
  });

  return {
    webhook,
    url: `http://${receiverHost}:${server.port}/`,
    expect(given: string) {
      secret = given;
    },
    stop: () => server.stop(true),
  };
}

export type Receiver = ReturnType<typeof startReceiver>;
