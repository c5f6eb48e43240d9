import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { WebhookMessage } from "@sate/contracts";
import { Webhook } from "standardwebhooks";

/** A loopback address that no name resolves to: WEBHOOK_ALLOW allows it, and so not `localhost`. */
export const receiverHost = "127.0.0.5";

export type Delivered = { path: string; id: string; message: WebhookMessage };

/**
 * A receiver of webhooks. It records what arrives at each path, and verifies it with the reference library and the secret
 * of that path. It responds with 204, or as `responses` says for the path.
 */
export async function startReceiver() {
  const delivered: Delivered[] = [];
  const forged: string[] = [];
  const secrets = new Map<string, string>();
  const responses = new Map<string, (response: ServerResponse) => void>();
  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = request.headers as Record<string, string>;
    try {
      const message = new Webhook(secrets.get(path) ?? "").verify(Buffer.concat(chunks).toString(), headers);
      delivered.push({ path, id: headers["webhook-id"] ?? "", message: message as WebhookMessage });
    } catch (error) {
      forged.push(`${path}: ${error}`);
    }
    (responses.get(path) ?? ((one) => one.writeHead(204).end()))(response);
  });
  await new Promise<void>((done) => server.listen(0, receiverHost, done));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ delivered, forged, secrets, responses },
    port,
    url: (path: string) => `http://${receiverHost}:${port}${path}`,
    at: (path: string) => delivered.filter((one) => one.path === path),
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;
