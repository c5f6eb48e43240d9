import { createClient } from "../../clients/client.ts";
import { type History, recordingClient, type Submit } from "../../clients/history.ts";
import { trials } from "../../runs/trials.ts";
import { isFinal } from "../evidence/evidence.ts";
import type { Journal } from "../evidence/journal.ts";
import { type Random, seeded } from "../random.ts";
import { cancelled, startOperator } from "./operator.ts";
import { removingClient } from "./removing.ts";
import { type Created, repeatingClient } from "./repeated.ts";
import { hooked } from "./subscriptions.ts";
import { watchingClient } from "./watching.ts";

const livesMax = 300;
const attemptsMax = 4;
const followMs = 40_000;
const batchMax = 4;
const waitSeconds = 3;

/** Of 100 requests or executions. */
const shares = {
  ...{ followed: 40, rivals: 20, repeated: 15, batch: 3 },
  ...{ removed: 8, cancelled: 3, hooked: 20, waits: 20, streams: 10 },
};
const rivalsMax = 3;

/**
 * Clients that start at `rate` a second. Each submits, executes, follows some executions, and retries failed ones; some
 * remove their request at the end. Beside them there is an operator.
 */
export function startLoad(
  url: string,
  options: { seed: number; rate: number; history: History; journal: Journal },
) {
  const { seed, rate, history, journal } = options;
  const random = seeded(seed);
  const stopping = new AbortController();
  const { signal } = stopping;
  const api = recordingClient(createClient(url), history);
  const noted = { history, journal, signal };
  const repeating = repeatingClient(api, noted);
  const watching = watchingClient(api, { url, ...noted });
  const removing = removingClient(api, noted);
  const stopOperator = startOperator(api, { random: seeded(seed + 1), ...noted });
  const lives = new Set<Promise<void>>();
  let turn = 0;

  const timer = setInterval(() => {
    if (lives.size >= livesMax) return history.count("not sent, too many in flight");
    const life: Promise<void> = live(turn++, seeded(random.between(0, 2 ** 31)))
      .catch(() => {})
      .finally(() => lives.delete(life));
    lives.add(life);
  }, 1_000 / rate);

  async function live(number: number, own: Random): Promise<void> {
    const chances = chancesOf(own);
    const submit = submitOf(`t${seed}-${number}`, own);
    const [created, ...others] = await create(submit, own);
    if (created === undefined) return;
    await Promise.all([follow(created, own), ...others.map((other) => follow(other, own))]);
    const { requestId, again } = created;
    await checkFound(created);
    if (!chances("removed")) return;
    // Some race with an execution, which may come first.
    await Promise.all([removing.remove(requestId), ...(chances("rivals") ? [api.execute(requestId)] : [])]);
    if (journal.removed.has(requestId)) await removing.revisit(requestId, again);
  }

  async function create(submit: Submit, own: Random): Promise<Created[]> {
    const chances = chancesOf(own);
    if (chances("batch")) {
      const submits = Array.from({ length: batchMax }, (_, at) => submitOf(`${submit.token}-${at}`, own));
      return repeating.createBatch([submit, ...submits.slice(1)]);
    }
    if (chances("repeated")) {
      const created = await repeating.create(submit, chances("waits") ? waitSeconds : undefined);
      if (created === null) return [];
      await watching.noteWait(created.requestId, created.answer.json.execution);
      return [created];
    }
    const requestId = await api.submit(submit);
    return requestId === null ? [] : [{ submit, requestId, executionId: null }];
  }

  /** Executes until a success, or for as long as the client is interested. */
  async function follow({ requestId, executionId: first }: Created, own: Random): Promise<void> {
    let executionId = first;
    for (let attempt = 1; attempt <= attemptsMax && !signal.aborted; attempt++) {
      executionId ??= await execute(requestId, own);
      if (!executionId || !chancesOf(own)("followed")) return;
      if (!(await hasFailed(requestId, executionId, own))) return;
      executionId = null;
    }
  }

  async function execute(requestId: string, own: Random): Promise<string | null> {
    const chances = chancesOf(own);
    if (chances("repeated")) return repeating.execute(requestId);
    // Some send several at once, of which only one may be accepted.
    const rivals = chances("rivals") ? rivalsMax : 1;
    const all = await Promise.all(Array.from({ length: rivals }, () => api.execute(requestId)));
    return all.find(({ id }) => id !== null)?.id ?? null;
  }

  /** Streams the execution, or reads it until it is final, or for as long as a client waits. */
  async function hasFailed(requestId: string, executionId: string, own: Random): Promise<boolean> {
    const chances = chancesOf(own);
    const hasEnded = (status: string | null): status is string => status !== null && isFinal(status);
    if (chances("streams")) {
      const status = await watching.stream(requestId, executionId);
      return hasEnded(status) && status !== "succeeded";
    }
    const read = chances("waits") ? watching.wait : api.read;
    const end = performance.now() + followMs;
    for (
      let pauseMs = 250;
      performance.now() < end && !signal.aborted;
      pauseMs = Math.min(pauseMs * 2, 2_000)
    ) {
      await Bun.sleep(pauseMs);
      const status = await read(requestId, executionId);
      if (hasEnded(status)) return status !== "succeeded";
    }
    return false;
  }

  /** Checks that an acknowledged request is found by its label. */
  async function checkFound({ submit: { token, labels = {} }, requestId }: Created): Promise<void> {
    if (labels.token === undefined) return;
    const found = await api.ask("GET", `/requests?label=token:${token}`);
    if (found?.status !== 200) return;
    const ids = found.json.requests.map(({ id }) => id);
    if (ids.join() !== requestId)
      history.unread.push(`request ${requestId} has a label by which [${ids}] is found`);
  }

  return {
    async stop() {
      stopping.abort();
      clearInterval(timer);
      await Promise.all([...lives, stopOperator()]);
    },
  };
}

const chancesOf = (random: Random) => (what: keyof typeof shares) => random.between(1, 100) <= shares[what];

function submitOf(token: string, random: Random): Submit {
  const chances = chancesOf(random);
  const processor = processorOf(random);
  const pad = random.next() < 0.02 ? 100_000 : random.between(0, 300);
  const payload = `{"token":"${token}","big":12345678901234567890.10,"__proto__":{"$where":"${"p".repeat(pad)}"}}`;
  const labels = {
    ...(chances("hooked") && { ...hooked, token }),
    ...(chances("cancelled") && { [cancelled.name]: cancelled.value }),
  };
  return { token, payload, processor, ...(Object.keys(labels).length > 0 && { labels }) };
}

function processorOf(random: Random): string {
  let at = random.between(1, 10_000);
  for (const { name, share } of trials) {
    at -= share;
    if (at <= 0) return name;
  }
  return "trial-fast";
}
