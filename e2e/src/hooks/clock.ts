/**
 * Loaded before the program of each process (`bun --preload`): its wall clock is off by as many milliseconds as the
 * file CLOCK_FILE says, from half a second after it was written. The monotonic clock stays what it is.
 */
import { readFileSync } from "node:fs";

const file = Bun.env.CLOCK_FILE;
const everyMs = 500;
let offsetMs = 0;

function look(): void {
  try {
    offsetMs = Number(readFileSync(file as string, "utf8")) || 0;
  } catch {
    offsetMs = 0;
  }
}

if (file) {
  const trueNow = Date.now;
  Date.now = () => trueNow() + offsetMs;
  globalThis.Date = new Proxy(Date, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [Date.now()] : given, newTarget),
    apply: () => new Date().toString(),
  });
  look();
  setInterval(look, everyMs).unref();
}
