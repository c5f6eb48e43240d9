import { expect, test } from "bun:test";
import { result, resultTime as time } from "../fakes/results.ts";
import { testGateway } from "../support/gateway.ts";

test("a result has exactly the original's fields, byte for byte, and takes one call", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const record = result(id, 1);
  gateway.results.records.push(record);
  gateway.requests.calls.getRequest = 0;
  const expected =
    `{"results":[{"id":"${record.id}","is_success":true,"processing_start_time":"${time}",` +
    `"processing_end_time":"${time}","processing_total_seconds":10.010077,` +
    `"outputs":{"message":"pong","n":1e400},"execution":{"id":"${record.execution_id}","force_error":false,` +
    `"creation_date":"${time}","processing_request":{"id":"${id}","payload":{"2":0,"1":-0}}}}]}`;
  expect((await gateway.get(`/requests/${id}/results`)).text).toBe(expected);
  const ofExecution = await gateway.get(`/requests/${id}/executions/${record.execution_id}/results`);
  expect(ofExecution.text).toBe(expected);
  expect(gateway.requests.calls).toEqual({ createRequests: 1, getRequest: 0 });
});

test("a result says what ran it, if that is known, and after how many tries", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const ran = { processor: "word-count", processor_version: "v7", tries: 2 };
  gateway.results.records.push(result(id, 1, ran));
  expect((await gateway.get(`/requests/${id}/results`)).json.results).toMatchObject([ran]);
});

test("a failed result has empty outputs and an error", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const error = { code: "timeout", message: "It took too long." };
  gateway.results.records.push(result(id, 1, { is_success: false, outputs_json: "{}", error }));
  const { json } = await gateway.get(`/requests/${id}/results`);
  expect(json.results).toMatchObject([{ is_success: false, outputs: {}, error }]);
});

test("without results a known request has an empty list", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const execution = await gateway.started(id);
  expect((await gateway.get(`/requests/${id}/results`)).text).toBe('{"results":[]}');
  expect((await gateway.get(`/requests/${id}/executions/${execution}/results`)).text).toBe('{"results":[]}');
});

test("results are listed oldest first, 100 on a page by default", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  for (let attempt = 1; attempt <= 103; attempt++) gateway.results.records.push(result(id, attempt));
  const first = await gateway.get(`/requests/${id}/results`);
  const second = await gateway.get(first.json.next_uri as string);
  const seen = [first, second].flatMap((page) => page.json.results);
  expect(seen.map((one) => one.id)).toEqual(gateway.results.records.map((one) => one.id));
  expect(first.json.results.length).toBe(100);
  expect(second.json.next_uri).toBeUndefined();
});
