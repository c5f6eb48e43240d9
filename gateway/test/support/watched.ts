import type { Config, Ports } from "../../src/index.ts";
import { result } from "../fakes/results.ts";
import { testGateway } from "./gateway.ts";

/** A gateway whose clock runs, and in it an execution that can be made to end. */
export async function withExecution(
  config: Partial<Config> = {},
  ports: Partial<Ports> = {},
  headers: Record<string, string> = {},
) {
  const gateway = testGateway(config, { monotonic: () => performance.now(), ...ports });
  const { requests, results } = gateway;
  async function execution(payload = '{"a":1}') {
    const json = { "content-type": "application/json", ...headers };
    const created = await gateway.post("/requests", `{"payload":${payload}}`, json);
    const request_id = created.json.id;
    const started = await gateway.post(`/requests/${request_id}/executions`, undefined, headers);
    const execution_id = started.json.id;
    const ref = { request_id, attempt: 1, execution_id };
    return {
      ref,
      path: `/requests/${request_id}/executions/${execution_id}`,
      become: (...more: Parameters<typeof requests.become> extends [string, ...infer Rest] ? Rest : never) =>
        requests.become(request_id, ...more),
      record: (more: Parameters<typeof result>[2] = {}) =>
        void results.records.push(result(request_id, 1, { execution_id, payload_json: payload, ...more })),
      write(epoch: number, ...texts: string[]) {
        const { chunks } = requests.runs;
        const from = chunks.filter((one) => one.execution_id === execution_id && one.epoch === epoch).length;
        chunks.push(...texts.map((text, index) => ({ ...ref, epoch, sequence: from + index, text })));
      },
    };
  }
  return { gateway, execution, ...(await execution()) };
}
