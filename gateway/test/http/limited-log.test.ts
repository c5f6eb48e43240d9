import { expect, test } from "bun:test";
import { createLimitedLog } from "../../src/http/limited-log.ts";

test("a message is logged at most ten times in ten seconds, then with the number left out", () => {
  const lines: [string, unknown][] = [];
  let ms = 0;
  const log = createLimitedLog({ warn: (message, fields) => void lines.push([message, fields]) }, () => ms);
  for (let count = 0; count < 25; count++) log.warn("refused", { count });
  log.warn("another");
  expect(lines).toHaveLength(11);
  expect(lines[9]).toEqual(["refused", { count: 9 }]);
  ms = 9_999;
  log.warn("refused", { count: 25 });
  expect(lines).toHaveLength(11);
  ms = 10_000;
  log.warn("refused", { count: 26 });
  expect(lines.at(-1)).toEqual(["refused", { count: 26, left_out: 16 }]);
  ms = 20_000;
  log.warn("refused", { count: 27 });
  expect(lines.at(-1)).toEqual(["refused", { count: 27 }]);
});
