import { errorFields, type Log } from "./log.ts";

/** A sentence for people, the same for every failure or made from the error. */
type Complaint = string | ((error: unknown) => string);

/**
 * What of a service is not well. A part is well until a turn of its work fails, and again as soon as one
 * succeeds; in between the service has a complaint, a sentence for people, and is not ready.
 */
export type Health = {
  /** Does one turn of the work of `part`. Answers whether it succeeded; never rejects. */
  turn(part: string, work: () => Promise<unknown>, complaint: Complaint): Promise<boolean>;
  /** Turns until one succeeds or `signal` ends it, with growing pauses. */
  insist(
    part: string,
    work: () => Promise<unknown>,
    complaint: Complaint,
    signal: AbortSignal,
  ): Promise<void>;
  complaints(): string[];
};

const pauseMs = { first: 100, most: 5_000 };

export function createHealth(log: Log): Health {
  const ill = new Map<string, string>();

  const turn: Health["turn"] = async (part, work, complaint) => {
    try {
      await work();
      if (ill.delete(part)) log.info("well again", { part });
      return true;
    } catch (error) {
      const sentence = typeof complaint === "string" ? complaint : complaint(error);
      if (ill.get(part) !== sentence) log.warn(sentence, { part, ...errorFields(error) });
      ill.set(part, sentence);
      return false;
    }
  };

  return {
    turn,
    async insist(part, work, complaint, signal) {
      let pause = pauseMs.first;
      while (!signal.aborted && !(await turn(part, work, complaint))) {
        await pauseOrEnd(pause * (0.5 + Math.random() / 2), signal);
        pause = Math.min(pause * 2, pauseMs.most);
      }
    },
    complaints: () => [...new Set(ill.values())],
  };
}

function pauseOrEnd(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}
