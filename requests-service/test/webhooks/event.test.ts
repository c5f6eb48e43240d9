import { describe, expect, test } from "bun:test";
import { timeOfId } from "../../src/removals/age.ts";
import { deliveryOf, isWanted } from "../../src/webhooks/event.ts";
import { madeExecution, madeOutcome } from "../builders.ts";

const webhook = { id: "01976b1e-9c40-7000-8a51-6f2d1e4b7a90", uri_base: "https://sate.example" };
const ended = (parts: object = {}, status: "succeeded" | "failed" = "failed") => ({
  ...madeExecution({ processor: "p", labels: { team: "a", tier: "1" }, ...parts }),
  outcome: madeOutcome(status),
});

describe("a webhook subscribes to the end of an execution", () => {
  const all = { events: ["execution.failed" as const] };
  const cases: [what: string, wants: object, execution: object, is: boolean][] = [
    ["of its event", {}, {}, true],
    ["of no other event", { events: ["execution.succeeded"] }, {}, false],
    ["of its processors", { processors: ["q", "p"] }, {}, true],
    ["of no other processor", { processors: ["q"] }, {}, false],
    ["with all of its labels", { labels: { tier: "1", team: "a" } }, {}, true],
    ["not with a part of them", { labels: { team: "a", other: "b" } }, {}, false],
    ["not with another value", { labels: { team: "b" } }, {}, false],
    ["not without labels", { labels: { team: "a" } }, { labels: undefined }, false],
    ["not of a processor of Sate", {}, { processor: "sate:webhook" }, false],
  ];
  test.each(cases)("%s", (_, wants, execution, is) => {
    expect(isWanted({ ...all, ...wants }, ended(execution))).toBe(is);
  });
});

test("a delivery is the same in every process, has the time of the outcome, and differs by execution and webhook", () => {
  const execution = ended();
  const one = deliveryOf(webhook, execution);
  expect(deliveryOf({ ...webhook }, structuredClone(execution))).toEqual(one);
  const endedAt = Date.parse(`${execution.outcome.processing_end_time.replace(" ", "T")}Z`);
  expect(timeOfId(one.id)).toBe(endedAt);
  const others = [deliveryOf({ ...webhook, id: execution.id }, execution), deliveryOf(webhook, ended())];
  const ids = [one, ...others].flatMap(({ id, start }) => [id, start?.execution_id]);
  expect(new Set(ids).size).toBe(6);
});

test("a message has ids, links and the error code, and neither payload nor outputs nor secret", () => {
  const execution = ended();
  const { webhook_id, message } = JSON.parse(deliveryOf(webhook, execution).payload_json);
  expect(webhook_id).toBe(webhook.id);
  const uri = `https://sate.example/requests/${execution.request_id}`;
  expect(message).toEqual({
    type: "execution.failed",
    timestamp: `${execution.outcome.processing_end_time.replace(" ", "T")}Z`,
    data: {
      ...{ webhook_id, request_id: execution.request_id, execution_id: execution.id, attempt: 1 },
      ...{ processor: "p", status: "failed", error_code: expect.any(String) },
      labels: { team: "a", tier: "1" },
      request_uri: uri,
      execution_uri: `${uri}/executions/${execution.id}`,
      results_uri: `${uri}/executions/${execution.id}/results`,
    },
  });
  expect(
    JSON.parse(deliveryOf(webhook, ended({}, "succeeded")).payload_json).message.data,
  ).not.toHaveProperty("error_code");
});
