import { expect, test } from "bun:test";
import { damaged, jsonValue } from "@sate/contracts/test/any-json.ts";
import * as fc from "fast-check";
import { json, testGateway } from "../support/gateway.ts";
import { claimedRun, queued, remoteWorker } from "../support/worker.ts";

/** As in test/http/input.property.test.ts. */
const runs = { numRuns: 2_000, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false };

/** JSON texts of an object with some of these fields, each with one of its values or any other. */
function objectOf(fields: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<string> {
  const members = Object.entries(fields).map(([name, good]) =>
    fc.option(
      fc
        .oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: jsonValue })
        .map((value) => `"${name}":${value}`),
      { nil: undefined, freq: 8 },
    ),
  );
  return fc.tuple(...members).map((all) => `{${all.filter((one) => one !== undefined).join(",")}}`);
}
const arrayOf = (one: fc.Arbitrary<string>) =>
  fc.array(one, { maxLength: 3 }).map((all) => `[${all.join(",")}]`);
const texts = (...values: unknown[]) => fc.constantFrom(...values.map((value) => JSON.stringify(value)));

test("any body to any route of workers is accepted or refused, never with a 5xx", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  await queued(gateway);
  const run = await claimedRun(worker);
  const ref = {
    request_id: texts(run.request_id, worker.id),
    attempt: texts(1, 2, 1_001),
    execution_id: texts(run.execution_id, worker.id),
    epoch: texts(1, 2, 1e9),
  };
  const schema = fc.oneof(
    jsonValue,
    texts({ $ref: "#" }, { pattern: "(" }, { type: "string" }, true, { enum: 5 }, { $id: "x", $ref: "x" }),
  );
  const retry = objectOf({ tries: texts(1, 100), first_seconds: texts(0.1, 1e9), max_seconds: texts(1) });
  const processor = objectOf({
    name: texts("transcode", "resize", "simulate", "sate:x", "__proto__"),
    input: schema,
    timeout_seconds: texts(1, 0),
    retry,
  });
  const error = objectOf({
    code: texts("a", "timeout", ""),
    message: texts("b", "\u0000"),
    retryable: texts(true),
  });
  const log = objectOf({ sequence: texts(0, -1), text: texts("a\n") });
  const progress = objectOf({ fraction: texts(0.5, 2), message: texts("a") });
  const bodies = {
    "/workers": fc.oneof(
      fc.constant('{"processors":[{"name":"resize"}]}'),
      objectOf({ name: texts("a", ""), processors: arrayOf(processor) }),
    ),
    [`/workers/${worker.id}/claims`]: objectOf({
      claim_id: texts(worker.id),
      limit: texts(1, 16, 17),
      wait_seconds: texts(0, 0.001),
    }),
    [`/workers/${worker.id}/heartbeat`]: objectOf({
      claim_id: texts(worker.id),
      runs: arrayOf(objectOf({ ...ref, log, progress })),
    }),
    [`/workers/${worker.id}/finish`]: objectOf({ ...ref, outputs: jsonValue, error, seconds: texts(1, -1) }),
  };
  const asked = fc.oneof(
    ...Object.entries(bodies).map(([path, body]) =>
      fc.tuple(fc.constant(path), fc.oneof({ weight: 5, arbitrary: body }, damaged(body), jsonValue)),
    ),
  );
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(asked, async ([path, body]) => {
      const answer = await gateway.ask("POST", path, Buffer.from(body), json);
      statuses.add(answer.status);
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400) {
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
        expect(answer.json.message).toBe(answer.json.detail);
      }
    }),
    runs,
  );
  expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 422]));
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});
