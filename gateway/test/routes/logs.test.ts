import { expect, test } from "bun:test";
import { named, testGateway } from "../support/gateway.ts";

async function withLog(texts: Record<number, string[]>) {
  const gateway = testGateway();
  const request_id = await gateway.stored();
  const execution_id = await gateway.started(request_id);
  const ref = { request_id, attempt: 1, execution_id };
  for (const [epoch, chunks] of Object.entries(texts)) {
    for (const [sequence, text] of chunks.entries()) {
      gateway.requests.runs.chunks.push({ ...ref, epoch: Number(epoch), sequence, text });
    }
  }
  const path = `/requests/${request_id}/executions/${execution_id}/log`;
  return { gateway, path, read: (query = "") => gateway.get(`${path}${query}`) };
}

test("the log of one run is the text that it wrote", async () => {
  const { read } = await withLog({ 1: ["one\n", "two ü\u2028\n", "\tthree"] });
  const answer = await read();
  expect([answer.status, answer.text]).toEqual([200, "one\ntwo ü\u2028\n\tthree"]);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(answer.headers.get("link")).toBeNull();
  expect((await read("?epoch=1")).text).toBe(answer.text);
});

test("control characters are escaped", async () => {
  const { read } = await withLog({ 1: ["\u001b]0;title\u0007\u0000\r\u007f\u009b31m\n"] });
  expect((await read()).text).toBe("\\x1b]0;title\\x07\\x00\\x0d\\x7f\\x9b31m\n");
});

test("the log of several runs says where each begins, and one run can be chosen", async () => {
  const { read } = await withLog({ 1: ["lost within a li"], 3: ["again\n"], 4: ["done\n"] });
  expect((await read()).text).toBe("lost within a li\n--- run 3 ---\nagain\n--- run 4 ---\ndone\n");
  expect((await read("?epoch=3")).text).toBe("again\n");
  expect((await read("?epoch=2")).text).toBe("");
});

test("a long log comes in pages, which the Link header connects", async () => {
  const chunks = Array.from({ length: 5 }, (_, index) => `line ${index}\n`);
  const { gateway, read } = await withLog({ 1: chunks, 2: ["end\n"] });
  let text = "";
  let pages = 0;
  let answer = await read();
  for (;;) {
    text += answer.text;
    pages++;
    const next = /^<(.+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1];
    if (next === undefined) break;
    answer = await gateway.get(next);
  }
  expect([text, pages]).toEqual([`${chunks.join("")}--- run 2 ---\nend\n`, 2]);
  const link = (await read("?epoch=1")).headers.get("link");
  expect(link).toContain("/log?epoch=1&cursor=1.2>");
});

test.each([
  "epoch=0",
  "epoch=-1",
  "epoch=x",
  "epoch=1&epoch=1",
  "cursor=3",
  "cursor=0.1",
  "cursor=1.-1",
  "limit=1",
])("an invalid query is refused: %s", async (query) => {
  const { gateway, read } = await withLog({});
  expect(named(await read(`?${query}`))).toEqual([400, "invalid-parameter"]);
  expect(gateway.requests.calls.readLog).toBeUndefined();
});
