import { createClient } from "../clients/client.ts";
import { type History, recordingClient } from "../clients/history.ts";
import { trials } from "../runs/trials.ts";
import { isFinal } from "./evidence/evidence.ts";
import { type Random, seeded } from "./random.ts";

const livesMax = 300;
const attemptsMax = 4;
const followMs = 40_000;
const followedOf10 = 4;
const rivalsOf10 = 2;
const rivalsMax = 3;

/** Clients that start at `rate` a second. Each submits, executes, follows some executions, and retries failed ones. */
export function startLoad(url: string, options: { seed: number; rate: number; history: History }) {
  const { seed, rate, history } = options;
  const random = seeded(seed);
  const client = recordingClient(createClient(url), history);
  const lives = new Set<Promise<void>>();
  let isStopped = false;
  let turn = 0;

  const timer = setInterval(() => {
    if (lives.size >= livesMax) return history.count("not sent, too many in flight");
    const life: Promise<void> = live(turn++, seeded(random.between(0, 2 ** 31)))
      .catch(() => {})
      .finally(() => lives.delete(life));
    lives.add(life);
  }, 1_000 / rate);

  async function live(number: number, own: Random): Promise<void> {
    const token = `t${seed}-${number}`;
    const processor = processorOf(own);
    const pad = own.next() < 0.02 ? 100_000 : own.between(0, 300);
    const payload = `{"token":"${token}","big":12345678901234567890.10,"__proto__":{"$where":"${"p".repeat(pad)}"}}`;
    const requestId = await client.submit({ token, payload, processor });
    if (requestId === null) return;
    for (let attempt = 1; attempt <= attemptsMax && !isStopped; attempt++) {
      // Some send several at once, of which only one may be accepted.
      const rivals = own.between(1, 10) > rivalsOf10 ? 1 : rivalsMax;
      const all = await Promise.all(Array.from({ length: rivals }, () => client.execute(requestId)));
      const executionId = all.find(({ id }) => id !== null)?.id;
      if (!executionId || own.between(1, 10) > followedOf10) return;
      if (!(await hasFailed(requestId, executionId))) return;
    }
  }

  /** Reads the execution until it is final, or for as long as a client waits. */
  async function hasFailed(requestId: string, executionId: string): Promise<boolean> {
    const end = performance.now() + followMs;
    for (let pauseMs = 250; performance.now() < end && !isStopped; pauseMs = Math.min(pauseMs * 2, 2_000)) {
      await Bun.sleep(pauseMs);
      const status = await client.read(requestId, executionId);
      if (status !== null && isFinal(status)) return status !== "succeeded";
    }
    return false;
  }

  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await Promise.all(lives);
    },
  };
}

function processorOf(random: Random): string {
  let at = random.between(1, 10_000);
  for (const { name, share } of trials) {
    at -= share;
    if (at <= 0) return name;
  }
  return "trial-fast";
}
