/** Shows how far a number of records is. `records` of `total` are done, as far as is known. */
export type Progress = {
  /** What is done from now on. */
  at(what: string): void;
  add(records: number): void;
  /** A line of its own. */
  note(line: string): void;
  /** Begins again, with another number of records. */
  begin(total: number): void;
  end(): void;
};

type Out = { write(text: string): unknown; isTTY?: boolean; columns?: number };

const everyMs = { terminal: 100, lines: 5_000 };
const barChars = 20;
const clearLine = "\r\u001b[K";

/** On a terminal a bar in one line; otherwise a line every few seconds. `now`: monotonic, in ms. */
export function createProgress(out: Out, now: () => number): Progress {
  const pauseMs = out.isTTY ? everyMs.terminal : everyMs.lines;
  let what = "";
  let total = 0;
  let done = 0;
  let since = now();
  let shownAt = since;

  function show(): void {
    shownAt = now();
    const line = lineOf({ what, done, total, seconds: (shownAt - since) / 1_000 }, out.isTTY === true);
    out.write(out.isTTY ? `${clearLine}${line.slice(0, (out.columns ?? 80) - 1)}` : `${line}\n`);
  }
  const clear = () => void (out.isTTY && out.write(clearLine));

  return {
    begin(records) {
      total = records;
      done = 0;
      since = now();
      shownAt = since;
    },
    at(next) {
      what = next;
      if (out.isTTY) show();
    },
    add(records) {
      done += records;
      if (now() - shownAt >= pauseMs) show();
    },
    note(line) {
      clear();
      out.write(`${line}\n`);
    },
    end: clear,
  };
}

type Shown = { what: string; done: number; total: number; seconds: number };

/** The rate and the remaining time are those since the beginning. */
export function lineOf({ what, done, total, seconds }: Shown, withBar: boolean): string {
  // Records that are added meanwhile may make it more than the total.
  const share = Math.min(done / Math.max(total, 1), 1);
  const rate = done / Math.max(seconds, 0.001);
  const filled = Math.round(share * barChars);
  const bar = withBar ? ` [${"#".repeat(filled)}${"-".repeat(barChars - filled)}]` : "";
  const left = rate > 0 ? `, ${timeOf((total - done) / rate)} left` : "";
  return `${what}${bar} ${Math.floor(share * 100)}% ${numberOf(done)} of ${numberOf(total)}, ${numberOf(Math.round(rate))}/s${left}`;
}

export function numberOf(value: number): string {
  return value.toLocaleString("en-US");
}

function timeOf(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  const padded = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(whole % 60)}` : `${minutes}:${padded(whole % 60)}`;
}
