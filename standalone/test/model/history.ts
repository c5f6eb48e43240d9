import type { Database } from "bun:sqlite";
import { type IncomingRecord, readExecution, readOutcome, topics } from "@sate/contracts";
import { firingIds } from "../../../requests-service/src/schedules/record.ts";
import type { Broker } from "./broker.ts";
import type { Owner } from "./simulation.ts";

/** One call of a handler. */
export type HandlerRunSeen = {
  requestId: string;
  executionId: string;
  epoch: number;
  tryNumber: number;
  processor: string;
  owner: Owner;
  /** It goes on whatever its signal says: nothing can stop it. */
  isDeaf: boolean;
  /** Aborted when Sate wants it to stop. */
  signal: AbortSignal;
  startedAt: number;
  endedAt: number | null;
};

export const lostMax = 4;
/** The tries of an execution of the processor that retries. */
export const triesMax = 3;
const active = "('queued', 'running')";
const failed = "('failed', 'dead_lettered')";
const now = "(SELECT now FROM model)";
const code = "NEW.outcome ->> '$.error.code'";
const isClaimed = "OLD.status = 'queued' AND NEW.status = 'running'";
const ends = "OLD.outcome IS NULL AND";
const ofRequest = "FROM executions WHERE request_id = NEW.request_id";
/** Created by calls with an Idempotency-Key, which is in the payload. */
const isKeyed = `payload LIKE '{"key":%'`;
const tries = `iif(NEW.processor = 'again', ${triesMax}, 1)`;

/**
 * The invariants of docs/guarantees.md, each by its number. A write for which the condition is true breaks one: `NEW`
 * is the row as it was written, `OLD` as it was before.
 */
const atEveryWrite: Record<string, Record<string, string>> = {
  "INSERT ON executions": {
    "1: an execution is there twice": "(SELECT count(*) FROM executions WHERE id = NEW.id) > 1",
    "3: one that is active or has succeeded is not the last attempt": `EXISTS
      (SELECT 1 ${ofRequest} AND attempt < NEW.attempt AND (status IN ${active} OR status = 'succeeded'))`,
    "6: attempts are not dense": `NEW.attempt <> (SELECT count(*) ${ofRequest})`,
  },
  "INSERT, UPDATE ON executions": {
    "3: two active executions of a request": `(SELECT count(*) ${ofRequest} AND status IN ${active}) > 1`,
    "5: an outcome without an end, or an end without one": `(NEW.status IN ${active}) <> (NEW.result_id IS NULL)`,
    "21: more tries than the processor allows": `NEW.tries + (NEW.status IN ${active}) > ${tries}`,
    "21: an outcome of more tries than the processor allows": `(NEW.outcome ->> 'tries') > ${tries}`,
    "5: an outcome of another status": `(NEW.outcome ->> 'status') IS NOT iif(NEW.status IN ${active}, NULL, NEW.status)`,
  },
  "UPDATE ON executions": {
    "5: lost more often than allowed": `NEW.lost > ${lostMax}`,
    "5: one that was to be cancelled ran again": "OLD.cancel_requested AND NEW.epoch <> OLD.epoch",
    "7: more failures than allowed": `(SELECT count(*) ${ofRequest} AND status IN ${failed}) > (SELECT failures FROM model)`,
    "10: a final execution has changed": `OLD.status NOT IN ${active} AND
      (NEW.status, NEW.result_id, NEW.epoch) IS NOT (OLD.status, OLD.result_id, OLD.epoch)`,
    "11: an epoch, a loss or a try was taken back":
      "NEW.epoch < OLD.epoch OR NEW.lost < OLD.lost OR NEW.tries < OLD.tries",
    "22: a worker claims what it does not serve": `${isClaimed} AND EXISTS
      (SELECT 1 FROM workers WHERE id = NEW.worker_id AND NEW.processor NOT IN (SELECT value FROM json_each(processors)))`,
    "20: one that waits is claimed": `${isClaimed} AND OLD.start_after IS NOT NULL`,
    "20: one is claimed whose time is over": `${isClaimed} AND
      (OLD.deadline_at <= ${now} OR (OLD.epoch = 0 AND OLD.expires_at <= ${now}))`,
    "20: one that waits is woken before its time": `OLD.start_after > ${now} AND
      NEW.start_after IS NULL AND NEW.status = 'queued'`,
    "20: a deadline is changed": "NEW.deadline_at IS NOT OLD.deadline_at AND OLD.deadline_at IS NOT NULL",
    "20: a timeout before the deadline": `${ends} ${code} = 'timeout' AND NEW.deadline_at > ${now} + 1`,
    "20: one has expired that ran, or before its time": `${ends} ${code} = 'expired' AND
      (NEW.epoch > 0 OR NEW.expires_at IS NULL OR NEW.expires_at > ${now})`,
  },
  "DELETE ON executions": { "1: an execution is gone": "true" },
  "INSERT ON results": {
    "8: two results of an execution":
      "(SELECT count(*) FROM results WHERE execution_id = NEW.execution_id) > 1",
    "8: the databases disagree about an outcome":
      "NEW.id IS NOT (SELECT result_id FROM executions WHERE id = NEW.execution_id)",
  },
  "UPDATE, DELETE ON results": { "8: a result has changed": "true" },
};

/** Those that hold when all is well again and everything has had its time: the query finds what breaks them. */
const atTheEnd: Record<string, string> = {
  "8: an execution has no result":
    "SELECT 1 FROM executions LEFT JOIN results ON results.execution_id = executions.id WHERE results.id IS NOT result_id",
  "8: a result of the wrong kind":
    "SELECT 1 FROM results LEFT JOIN executions ON executions.id = execution_id WHERE is_success IS NOT (status = 'succeeded')",
  "9: a result with another payload":
    "SELECT 1 FROM results LEFT JOIN requests ON requests.id = request_id WHERE results.payload IS NOT requests.payload",
  "13: an outbox mark is left": "SELECT 1 FROM executions WHERE mark IS NOT NULL",
  "13: a start mark is left": "SELECT 1 FROM requests WHERE start IS NOT NULL",
  "26: a request was created without its execution": `SELECT 1 FROM requests
    WHERE ${isKeyed} AND NOT EXISTS (SELECT 1 FROM executions WHERE request_id = requests.id)`,
  "26: two requests were created with one key": `SELECT 1 FROM requests WHERE ${isKeyed} GROUP BY payload HAVING count(*) > 1`,
  "13: a refused attempt is still stored": "SELECT 1 FROM refusals",
  "16: an execution has not ended": `SELECT 1 FROM executions WHERE status IN ${active}`,
};

/** Makes the database note which invariants its writes break. */
export function watch(db: Database): void {
  db.run("CREATE TABLE broken (what TEXT PRIMARY KEY ON CONFLICT IGNORE)");
  db.run("CREATE TABLE model (failures INTEGER, now INTEGER)");
  let triggers = 0;
  for (const [on, invariants] of Object.entries(atEveryWrite)) {
    const [events = "", table] = on.split(" ON ");
    for (const event of events.split(", "))
      for (const [what, condition] of Object.entries(invariants)) {
        db.run(
          `CREATE TRIGGER invariant_${++triggers} AFTER ${event} ON ${table} WHEN ${condition}
           BEGIN INSERT INTO broken VALUES ('${what}'); END`,
        );
      }
  }
}

/** What was seen, and what must therefore hold. */
export function createHistory(db: Database, maxFailures: number) {
  const runs: HandlerRunSeen[] = [];
  const payloads = new Map<string, string>();
  const createdBy = new Map<string, string>();
  const acknowledged = new Set<string>();
  const refused = new Set<string>();
  const refusedAsExhausted = new Set<string>();
  const schedules = new Map<string, number>();
  let excusedOverlaps = 0;
  db.run("INSERT INTO model VALUES (?, 0)", [maxFailures]);

  type Row = { status: string; epoch: number; tries: number; processor: string; result_id: string | null };
  const execution = db.query<Row, [string]>(
    "SELECT status, epoch, tries, processor, result_id FROM executions WHERE id = ?",
  );
  const ids = db.query<{ request_id: string; id: string }, []>("SELECT request_id, id FROM executions");
  const failures = db.query<{ count: number }, [string]>(
    `SELECT count(*) AS count FROM executions WHERE request_id = ? AND status IN ${failed}`,
  );
  const unfinished = db.query(
    `SELECT 1 FROM executions WHERE mark IS NOT NULL OR result_id IS NULL
     UNION SELECT 1 FROM refusals UNION SELECT 1 FROM requests WHERE start IS NOT NULL
     UNION SELECT 1 FROM schedules WHERE last_at IS NULL`,
  );
  const result = db.query("SELECT 1 FROM results WHERE request_id = ? AND attempt = ?");
  const request = db.query<{ payload: string }, [string]>("SELECT payload FROM requests WHERE id = ?");
  const firings = db.query<{ count: number }, [string]>(
    "SELECT count(*) AS count FROM requests WHERE labels LIKE '%' || ? || '%'",
  );
  const selectBroken = db.query<{ what: string }, []>("SELECT what FROM broken");

  /** Never throws: an exception would be taken for a failure of a service. */
  function must(holds: boolean, what: string): void {
    if (!holds) db.run("INSERT INTO broken VALUES (?)", [what]);
  }

  return {
    must,
    runs,
    broken: () => selectBroken.all().map(({ what }) => what),
    executions: () => ids.all(),
    isAtRest: () => unfinished.get() === null,
    everything: () => ["executions", "results"].map((table) => db.query(`SELECT * FROM ${table}`).all()),
    excusedOverlaps: () => excusedOverlaps,

    requestAcknowledged: (id: string, payload: string) => void payloads.set(id, payload),
    /** It is to fire at this instant, and not again. */
    scheduled: (id: string, at: number) => void schedules.set(id, at),
    executionAcknowledged(id: string): void {
      acknowledged.add(id);
      must(execution.get(id) !== null, "10: a read after a 201 does not see the execution");
    },
    keyAcknowledged(key: string, created: string): void {
      const before = createdBy.get(key) ?? created;
      createdBy.set(key, before);
      must(before === created, "26: two calls with one key got different ids");
    },
    executionRefused(id: string): void {
      refused.add(id);
      must(execution.get(id) === null, "2: an execution that was refused is there");
    },
    exhausted(requestId: string, id: string): void {
      this.executionRefused(id);
      refusedAsExhausted.add(id);
      const isExhausted = failures.get(requestId)?.count === maxFailures;
      must(isExhausted, "7: refused as exhausted, and it is not");
    },

    /** Called before outcomes are written; what it returns is called with what became of each. */
    finishing(decided: { execution_id: string; epoch: number; outcome: { result_id: string } }[]) {
      const mayBeStored = decided.map(({ execution_id, epoch, outcome }) => {
        const row = execution.get(execution_id);
        return row?.result_id === outcome.result_id || (row?.status === "running" && row.epoch === epoch);
      });
      return (results: string[]): void => {
        const isRight = results.every((result, index) => result !== "stored" || mayBeStored[index]);
        must(isRight, "11: a finish was stored whose epoch is not the stored one");
      };
    },

    /** A handler begins. */
    runStarts(run: HandlerRunSeen, payload: string): void {
      const row = execution.get(run.executionId);
      must(row?.status === "running", `5: a run starts of an execution that is ${row?.status}`);
      must(row?.epoch === run.epoch, "11: a run starts whose epoch is not the stored one");
      must(row?.tries === run.tryNumber - 1, "21: a run starts with another number of its try");
      must(
        row?.processor === run.processor,
        "22: a run starts on a worker that does not serve its processor",
      );
      must(payload === (payloads.get(run.requestId) ?? payload), "9: another payload than was sent");
      for (const other of runs) {
        if (other.requestId !== run.requestId || other.endedAt !== null || other.owner.isDead) continue;
        const isEnded = (execution.get(other.executionId)?.result_id ?? null) !== null;
        const isUnstoppable = other.isDeaf && (isEnded || other.signal.aborted);
        const isExcused = other.owner.frozenUntil > other.startedAt || isUnstoppable;
        if (isExcused) excusedOverlaps++;
        must(isExcused, `4: ${run.owner.name} runs beside ${other.owner.name}`);
      }
      runs.push(run);
    },

    /** Invariants 12 and 15: what is committed needs no record any more. */
    committed(group: string, records: IncomingRecord[], broker: () => Broker): void {
      for (const record of records) {
        const { topic, partition, offset, timestamp } = record;
        const isWakeUp = topic === topics.executions;
        const reading = isWakeUp ? readExecution(record) : readOutcome(record);
        if (reading.kind === "read") {
          const { execution_id, request_id, attempt } = reading.record;
          const isDone = isWakeUp ? execution.get(execution_id) : result.get(request_id, attempt);
          must(isDone !== null, `12: ${group} committed a record without what follows from it`);
        } else if (topic !== topics.deadLetters) {
          const isDeadLettered = deadLetterIds(broker()).has(`${topic}/${partition}/${offset}/${timestamp}`);
          must(isDeadLettered, "15: a record that cannot be read was committed without a dead letter");
        }
      }
    },

    /** When all is well again and everything has had its time. */
    checkEnd(broker: Broker): void {
      for (const [what, query] of Object.entries(atTheEnd)) must(db.query(query).get() === null, what);
      for (const [id, payload] of payloads)
        must(request.get(id)?.payload === payload, "1: a request is lost");
      for (const id of acknowledged) must(execution.get(id) !== null, "1: an acknowledged execution is lost");
      for (const id of refused) must(execution.get(id) === null, "2: an execution that was refused is there");
      for (const [id, at] of schedules) {
        const isThere = execution.get(firingIds({ id }, at).execution_id) !== null;
        must(isThere, "24: a firing of a schedule is lost");
        must((firings.get(id)?.count ?? 0) <= 1, "24: a schedule has fired twice for one time");
      }
      const letters = deadLetterIds(broker);
      for (const id of refusedAsExhausted) must(letters.has(id), "7: a refused attempt has no dead letter");
      for (const record of Object.values(topics).flatMap(broker.read)) {
        const reading = readOutcome(record);
        if (reading.kind === "unreadable") continue;
        const stored = execution.get(reading.record.execution_id)?.result_id;
        must(stored === reading.record.id, "8: an outcome was published that is not the stored one");
      }
      must(!broker.hasLag(), "16: a group has lag");
    },
  };
}

export type History = ReturnType<typeof createHistory>;

function deadLetterIds(broker: Broker): Set<string> {
  return new Set(broker.read(topics.deadLetters).map(({ headers }) => String(headers["dead-letter-id"])));
}
