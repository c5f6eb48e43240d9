import { expect, test } from "bun:test";
import { result } from "../fakes/results.ts";
import { answerOf, json, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { freePort, nginxPath, startNginx } from "../support/nginx.ts";

/** What a client behind a proxy with a path prefix sees, with nginx and its default settings. */

test.skipIf(!nginxPath)("with PUBLIC_URL every link leads through the proxy and its prefix", async () => {
  const upstream = await freePort();
  const nginx = await startNginx(upstream);
  const publicUrl = `${nginx.origin}/sate`;
  const gateway = testGateway({ publicUrl });
  listen(gateway, upstream);
  const get = async (url: string) => answerOf(await fetch(url));
  const post = async (url: string, body?: string) =>
    answerOf(await fetch(url, { method: "POST", headers: json, ...(body !== undefined && { body }) }));
  try {
    const created = await post(`${publicUrl}/requests`, '{"payload":1}');
    const request = created.headers.get("location") as string;
    expect([created.status, request]).toEqual([201, `${publicUrl}/requests/${created.json.id}`]);
    await post(`${publicUrl}/requests`, '{"payload":2}');
    expect((await get(request)).json.id).toBe(created.json.id);

    const started = await post(`${request}/executions`);
    const execution = started.headers.get("location") as string;
    expect(execution).toBe(`${request}/executions/${started.json.id}`);
    const state = (await get(execution)).json;
    expect(state.results_uri).toBe(`${execution}/results`);
    expect((await get(state.results_uri as string)).status).toBe(200);
    expect((await post(`${request}/executions`)).json.execution_uri).toBe(execution);
    gateway.requests.become(created.json.id, "succeeded");
    expect((await post(`${request}/executions`)).json.results_uri).toBe(`${request}/results`);
    expect((await post(`${execution}/cancel`)).json.results_uri).toBe(`${execution}/results`);

    for (const attempt of [1, 2]) gateway.results.records.push(result(created.json.id, attempt));
    for (const list of [`${publicUrl}/requests`, `${request}/results`]) {
      const { next_uri } = (await get(`${list}?limit=1`)).json;
      expect(next_uri).toStartWith(`${list}?limit=1&cursor=`);
      expect((await get(next_uri as string)).status).toBe(200);
    }

    const welcome = (await get(`${publicUrl}/`)).json;
    for (const [name, uri] of Object.entries(welcome).filter(([name]) => name.endsWith("_uri"))) {
      expect(String(uri)).toStartWith(`${publicUrl}/`);
      expect([name, (await get(uri as string)).status]).not.toEqual([name, 404]);
    }
    expect(welcome.try).toContain(`${publicUrl}/requests`);
    const { servers } = (await get(`${publicUrl}/swagger/json`)).json as unknown as { servers: object[] };
    expect(servers).toMatchObject([{ url: publicUrl }]);
  } finally {
    await gateway.app.server?.stop(true);
    await nginx.stop();
  }
});
