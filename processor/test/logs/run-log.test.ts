import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import fc from "fast-check";
import { createRunLog } from "../../src/logs/run-log.ts";

const at = Date.UTC(2026, 10, 7, 16, 31, 58, 103);
const time = "2026-11-07T16:31:58.103Z";

function logOf({ now = () => at } = {}) {
  let asked = 0;
  const runLog = createRunLog({ now, enough: () => asked++ });
  const chunks: string[] = [];
  /** Sends all that there is to send. */
  function send(): string[] {
    const sent: string[] = [];
    for (let chunk = runLog.next(); chunk !== null; chunk = runLog.next()) {
      expect(chunk.sequence).toBe(chunks.length);
      chunks.push(chunk.text);
      sent.push(chunk.text);
      runLog.sent();
    }
    return sent;
  }
  return { ...runLog, send, chunks, asked: () => asked };
}

test("every line has the time at which it began, even if it arrives in parts or never ends", () => {
  let now = at;
  const { add, end, send } = logOf({ now: () => now });
  add("one\ntwo ");
  now += 1;
  add("parts\n\nlast");
  expect(send()).toEqual([`${time} one\n${time} two parts\n2026-11-07T16:31:58.104Z \n`]);
  now += 1;
  end();
  add("too late\n");
  expect(send()).toEqual(["2026-11-07T16:31:58.104Z last\n"]);
  expect(send()).toEqual([]);
});

test("a chunk is the same until it is acknowledged", () => {
  const { add, next, sent } = logOf();
  add("one\n");
  const first = next();
  add("two\n");
  expect(next()).toEqual(first);
  sent();
  expect(next()).toEqual({ sequence: 1, text: `${time} two\n` });
});

test.each([[undefined], [null], [7], [{}], [""], [new Proxy({}, {})]])(
  "%p is no text, and adds nothing",
  (text) => {
    const { add, end, send } = logOf();
    add(text as never);
    end();
    expect(send()).toEqual([]);
  },
);

test("a lone surrogate is replaced, and an endless line is split", () => {
  const { add, end, send } = logOf();
  add("\ud800\n");
  expect(send()).toEqual([`${time} \ufffd\n`]);
  add("x".repeat(20_000));
  end();
  const lines = send().join("").split("\n").slice(0, -1);
  expect(lines.map((line) => line.slice(time.length + 1)).join("")).toBe("x".repeat(20_000));
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(8_192);
});

describe("a run that writes faster than its log is sent", () => {
  const line = (number: number) => `${String(number).padStart(7, "0")} ${"x".repeat(65)}\n`;
  const lineBytes = time.length + 1 + 74;

  test("keeps what fits and the last lines, says how much is left out between, and goes on", () => {
    const { add, send, asked } = logOf();
    for (let number = 0; number < 2_000; number++) add(line(number));
    expect(asked()).toBeGreaterThan(0);
    const [head = "", tail = ""] = send();
    expect(head.length).toBeLessThanOrEqual(limits.logChunkBytesMax);
    const [note = "", first = ""] = tail.split("\n");
    const leftOut = Number(/^… (\d+) bytes left out$/.exec(note)?.[1]);
    const kept = head.split("\n").length - 1;
    expect(Number(first.split(" ")[1])).toBe(kept + leftOut / lineBytes);
    expect(tail).toEndWith(line(1_999));
    add("and on\n");
    expect(send()).toEqual([`${time} and on\n`]);
  });

  test("in all keeps its beginning and its end, within the limits", () => {
    const { add, send, end, chunks } = logOf();
    for (let number = 0; number < 10_000; number++) {
      add(line(number));
      if (number % 100 === 0) send();
    }
    end();
    send();
    const text = chunks.join("");
    expect(text).toStartWith(`${time} ${line(0)}`);
    expect(text).toEndWith(line(9_999));
    const notes = [...text.matchAll(/… (\d+) bytes left out\n/g)];
    expect(notes).toHaveLength(1);
    const bytesOfLines = Buffer.byteLength(text) - Buffer.byteLength(notes[0]?.[0] ?? "");
    expect(bytesOfLines + Number(notes[0]?.[1])).toBe(10_000 * lineBytes);
    expect(Buffer.byteLength(text)).toBeGreaterThan(limits.logBytesMax);
  });
});

test("whatever is written and whenever it is sent, the log stays within its limits and states how much is left out", () => {
  const text = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 200 }),
    fc.nat(60_000).map((length) => "é\n".repeat(length)),
    fc.nat(60_000).map((length) => "x".repeat(length)),
  );
  const steps = fc.array(fc.oneof(text, fc.constant(null)), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (all) => {
      const { add, send, end, chunks } = logOf();
      for (const step of all) {
        if (step === null) send();
        else add(step);
      }
      end();
      send();
      for (const chunk of chunks) {
        expect(Buffer.byteLength(chunk)).toBeLessThanOrEqual(limits.logChunkBytesMax);
        expect(chunk).toEndWith("\n");
      }
      const whole = chunks.join("");
      expect(Buffer.byteLength(whole)).toBeLessThanOrEqual(limits.logBytesMax + 33 * 1024);
      const isWhole = !whole.includes("bytes left out");
      const letters = (given: string) => given.replaceAll("\n", "").toWellFormed();
      if (isWhole) expect(letters(whole).replaceAll(`${time} `, "")).toBe(letters(all.join("")));
    }),
    { numRuns: 60 },
  );
});
