import { inParts } from "@sate/contracts/runtime";

/** Calls `end` after `ms`, unless the function that it returns is called before. */
export type StartTimer = (ms: number, end: () => void) => () => void;

const systemTimer: StartTimer = (ms, end) => {
  const timer = setTimeout(end, ms);
  return () => clearTimeout(timer);
};

/** An item of a poll. */
export type Polled = {
  /** Polls it at once. */
  askNow(): void;
  /** From now on it is polled like an item that was just added. */
  restart(): void;
  /** No answer is delivered afterwards, not even one to a call that is under way. */
  stop(): void;
};

type Entry<Item, Answer> = {
  item: Item;
  onAnswer: (answer: Answer) => void;
  since: number;
  dueAt: number;
};

/** After a failure the next call waits for half of this to all of it, then for twice as long, up to the maximum. */
const backoffMs = { first: 200, most: 5_000 };

/**
 * Polls many items with few calls: items of the same age are polled at the same moments. One round of calls is under way
 * at a time. Without items there are no calls and no timers. If a call fails, all items wait until the backoff is over.
 */
export function createPoll<Item, Answer>(options: {
  /** The answers in the order of the items, at most `batchMax` of them. */
  ask: (items: Item[]) => Promise<Answer[]>;
  batchMax: number;
  /** The time between two calls about an item that was added, or restarted, so long ago. */
  paceMs: (ageMs: number) => number;
  onFailure: (error: unknown) => void;
  monotonic: () => number;
  random: () => number;
  startTimer?: StartTimer | undefined;
}) {
  const { ask, batchMax, paceMs, onFailure, monotonic, random, startTimer = systemTimer } = options;
  const entries = new Set<Entry<Item, Answer>>();
  let timer: { at: number; cancel: () => void } | undefined;
  let isAsking = false;
  let failures = 0;
  let pausedUntil = Number.NEGATIVE_INFINITY;

  function scheduleFor(dueAt: number): void {
    const at = Math.max(dueAt, pausedUntil);
    if (isAsking || (timer !== undefined && timer.at <= at)) return;
    timer?.cancel();
    timer = { at, cancel: startTimer(Math.max(at - monotonic(), 0), () => void round()) };
  }

  async function round(): Promise<void> {
    timer = undefined;
    isAsking = true;
    const now = monotonic();
    const due = [...entries].filter(({ dueAt }) => dueAt <= now);
    // Before the calls, so that `askNow` during a call is not forgotten.
    for (const entry of due) entry.dueAt = nextMultiple(now, paceMs(now - entry.since));
    const parts = inParts(due, { itemsMax: batchMax });
    const areAnswered = await Promise.all(parts.map(askAbout));
    if (areAnswered.includes(false)) {
      const pauseMs = Math.min(backoffMs.first * 2 ** failures++, backoffMs.most);
      pausedUntil = monotonic() + pauseMs * (0.5 + random() / 2);
    } else if (parts.length > 0) failures = 0;
    isAsking = false;
    if (entries.size > 0) scheduleFor(Math.min(...[...entries].map(({ dueAt }) => dueAt)));
  }

  async function askAbout(part: Entry<Item, Answer>[]): Promise<boolean> {
    let answers: Answer[];
    try {
      answers = await ask(part.map(({ item }) => item));
      if (answers.length !== part.length)
        throw new Error("a poll has a different number of answers and items");
    } catch (error) {
      onFailure(error);
      for (const entry of part) entry.dueAt = monotonic();
      return false;
    }
    for (const [index, entry] of part.entries()) {
      if (entries.has(entry)) entry.onAnswer(answers[index] as Answer);
    }
    return true;
  }

  return {
    /** Polls the item until it is stopped: at once, or after the first pause. */
    add(item: Item, onAnswer: (answer: Answer) => void, first: "at once" | "later" = "later"): Polled {
      const entry = { item, onAnswer, since: 0, dueAt: 0 };
      function restart(): void {
        if (!entries.has(entry)) return;
        entry.since = monotonic();
        entry.dueAt = nextMultiple(entry.since, paceMs(0));
        scheduleFor(entry.dueAt);
      }
      function askNow(): void {
        if (!entries.has(entry)) return;
        entry.dueAt = monotonic();
        scheduleFor(entry.dueAt);
      }
      entries.add(entry);
      restart();
      if (first === "at once") askNow();
      return {
        askNow,
        restart,
        stop() {
          entries.delete(entry);
          if (entries.size > 0) return;
          timer?.cancel();
          timer = undefined;
        },
      };
    },
  };
}

export type Poll<Item, Answer> = ReturnType<typeof createPoll<Item, Answer>>;

function nextMultiple(now: number, ms: number): number {
  return (Math.floor(now / ms) + 1) * ms;
}
