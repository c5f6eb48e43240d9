import { limits } from "@sate/contracts";

/** The limit for the last lines of a log, which are kept besides its beginning when it exceeds `limits.logBytesMax`. */
const tailBytesMax = 32 * 1024;
const noteBytesMax = 100;
/** The limit for text that waits to be sent, apart from the tail. */
const waitingBytesMax = limits.logChunkBytesMax;
const lineCharsMax = 8_192;

/**
 * The log of one run: lines, each with the time at which it began, in UTC.
 *
 *     2026-11-07T16:31:58.103Z Read 3 files.
 *
 * Lines wait until the caller has sent them, in chunks. Lines that arrive while too much waits, or after
 * `limits.logBytesMax`, go to the *tail*, which keeps only the last ones and notes how many bytes it has left out. The
 * tail is appended as soon as there is room for it, at the latest at the end of the run. So a run that writes without
 * end needs bounded memory, and its log has its beginning and its end.
 *
 * `now`: the wall clock. `enough` is called when the log should be sent soon.
 */
export function createRunLog({ now, enough }: { now: () => number; enough: () => void }) {
  /** A line that has not ended yet, with its time. */
  let open = "";
  let waiting = "";
  let waitingBytes = 0;
  let sentBytes = 0;
  let tail: string[] = [];
  let tailBytes = 0;
  let leftOutBytes = 0;
  let sequence = 0;
  /** The chunk that is not acknowledged yet. */
  let chunk: { sequence: number; text: string; bytes: number } | null = null;
  let hasEnded = false;

  const held = () => waitingBytes + (chunk?.bytes ?? 0);

  function addLine(line: string): void {
    const text = `${line.toWellFormed()}\n`;
    const bytes = Buffer.byteLength(text);
    const hasRoom = held() + bytes <= waitingBytesMax && sentBytes + held() + bytes <= limits.logBytesMax;
    if (hasRoom && tail.length === 0) {
      waiting += text;
      waitingBytes += bytes;
      if (held() > waitingBytesMax / 2) enough();
      return;
    }
    tail.push(text);
    tailBytes += bytes;
    while (tailBytes > tailBytesMax) {
      const dropped = Buffer.byteLength(tail.shift() ?? "");
      tailBytes -= dropped;
      leftOutBytes += dropped;
    }
  }

  /** Appends the tail to the waiting lines if there is room for it. At the end of the run there always is. */
  function resume(): void {
    if (tail.length === 0 || waitingBytes > 0) return;
    if (!hasEnded && sentBytes + held() + tailBytes + noteBytesMax > limits.logBytesMax) return;
    waiting = (leftOutBytes > 0 ? `… ${leftOutBytes} bytes left out\n` : "") + tail.join("");
    waitingBytes = Buffer.byteLength(waiting);
    tail = [];
    tailBytes = leftOutBytes = 0;
  }

  return {
    /** Adds text of the handler. Never throws, whatever the text is. Ignores text after the end. */
    add(text: unknown): void {
      if (hasEnded || typeof text !== "string") return;
      for (let at = 0; at < text.length; ) {
        const feed = text.indexOf("\n", at);
        const lineEnd = feed < 0 ? text.length : feed;
        if (open === "") open = `${new Date(now()).toISOString()} `;
        const end = Math.min(lineEnd, at + Math.max(lineCharsMax - open.length, 1));
        open += text.slice(at, end);
        const isWhole = end === feed;
        if (isWhole || open.length >= lineCharsMax) {
          addLine(open);
          open = "";
        }
        at = isWhole ? end + 1 : end;
      }
    },
    /** Ends the log with its run: no more text is added, and the rest may be sent. */
    end(): void {
      if (open !== "") addLine(open);
      open = "";
      hasEnded = true;
    },
    /** The next chunk to send, the same until it is `sent`; `null` if there is none at the moment. */
    next(): { sequence: number; text: string } | null {
      if (chunk === null) {
        resume();
        if (waiting === "") return null;
        chunk = { sequence: sequence++, text: waiting, bytes: waitingBytes };
        waiting = "";
        waitingBytes = 0;
      }
      return { sequence: chunk.sequence, text: chunk.text };
    },
    /** The chunk is acknowledged. */
    sent(): void {
      sentBytes += chunk?.bytes ?? 0;
      chunk = null;
    },
  };
}

export type RunLog = ReturnType<typeof createRunLog>;
