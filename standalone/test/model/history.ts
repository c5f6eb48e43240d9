import type { Database } from "bun:sqlite";
import {
  type IncomingRecord,
  readExecution,
  readOutcome,
  topics,
  type WebhookMessage,
} from "@sate/contracts";
import { firingIds } from "../../../requests-service/src/schedules/record.ts";
import type { Broker } from "./broker.ts";
import { brokenAtTheEnd } from "./invariants.ts";
import type { Owner } from "./simulation.ts";
import { active, failed } from "./sql.ts";

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

/** How the services of a history are set, as far as invariants depend on it. 0: kept for ever. */
export type Rules = { maxFailures: number; requestsKeptMs: number; executionsKeptMs: number };

/** What was seen, and what must therefore hold. */
export function createHistory(db: Database, { maxFailures, requestsKeptMs, executionsKeptMs }: Rules) {
  const runs: HandlerRunSeen[] = [];
  const payloads = new Map<string, string>();
  const createdBy = new Map<string, string>();
  const acknowledged = new Set<string>();
  const refused = new Set<string>();
  const refusedAsExhausted = new Map<string, string>();
  const replayedBy = new Map<string, string>();
  const delivered = new Map<string, string>();
  const removed = new Set<string>();
  const schedules = new Map<string, number>();
  let excusedOverlaps = 0;
  db.run("INSERT INTO model VALUES (?, 0, ?, ?)", [
    maxFailures,
    requestsKeptMs || null,
    executionsKeptMs || null,
  ]);

  type Row = { id: string; status: string; epoch: number; tries: number; cancel_requested: number } & {
    processor: string;
    result_id: string | null;
    removed_at: number | null;
  };
  const columns = "id, status, epoch, tries, cancel_requested, processor, result_id, removed_at";
  const execution = db.query<Row, [string]>(`SELECT ${columns} FROM executions WHERE id = ?`);
  const cancellable = db.query<Row, []>(
    `SELECT ${columns} FROM executions
     WHERE status IN ${active} AND NOT cancel_requested AND processor NOT LIKE 'sate:%'`,
  );
  const ids = db.query<{ request_id: string; id: string }, []>(
    "SELECT request_id, id FROM executions WHERE processor NOT LIKE 'sate:%'",
  );
  const failures = db.query<{ count: number }, [string]>(
    `SELECT count(*) AS count FROM executions WHERE request_id = ? AND status IN ${failed}`,
  );
  const unfinished = db.query(
    `SELECT 1 FROM executions WHERE mark IS NOT NULL OR status IN ${active}
     UNION SELECT 1 FROM refusals UNION SELECT 1 FROM requests WHERE start IS NOT NULL
     UNION SELECT 1 FROM schedules WHERE last_at IS NULL`,
  );
  const result = db.query("SELECT 1 FROM results WHERE request_id = ? AND attempt = ?");
  type Request = { payload: string; removed_at: number | null };
  const request = db.query<Request, [string]>("SELECT payload, removed_at FROM requests WHERE id = ?");
  const withPayload = db.query("SELECT 1 FROM requests WHERE payload = ?");
  const admittedRemoval = db.query("SELECT 1 FROM executions WHERE request_id = ? AND status = 'removed'");
  /** What a removal leaves of a request, if it does. */
  const left = db.query(
    `SELECT 1 FROM requests WHERE id = $id AND removed_at IS NULL
     UNION SELECT 1 FROM executions WHERE request_id = $id AND status <> 'removed'
     UNION SELECT 1 FROM results WHERE request_id = $id AND removed_at IS NULL`,
  );
  const expected = db.query<{ webhook_id: string; execution_id: string }, []>(
    "SELECT * FROM to_be_delivered EXCEPT SELECT * FROM undelivered",
  );
  const webhook = db.query<{ definition: string }, [string]>("SELECT definition FROM webhooks WHERE id = ?");
  type DeadLetter = { _id: string; request_id: string };
  const deadLetters = db.query<DeadLetter, []>(
    "SELECT _id, request_id FROM dead_letters WHERE request_id IS NOT NULL",
  );
  const keyed = db.query<{ request_id: string }, [string]>(
    "SELECT request_id FROM idempotency_keys WHERE hash = ?",
  );
  const requestIds = db.query<{ id: string }, []>("SELECT id FROM requests ORDER BY id");
  const firings = db.query<{ count: number }, [string]>(
    "SELECT count(*) AS count FROM requests WHERE labels LIKE '%' || ? || '%'",
  );
  const selectBroken = db.query<{ what: string }, []>("SELECT what FROM broken");

  /** Never throws: an exception would be taken for a failure of a service. */
  function must(holds: boolean, what: string): void {
    if (!holds) db.run("INSERT INTO broken VALUES (?)", [what]);
  }

  const isRemovalAdmitted = (requestId: string) => admittedRemoval.get(requestId) !== null;

  return {
    must,
    runs,
    broken: () => selectBroken.all().map(({ what }) => what),
    executions: () => ids.all(),
    isAtRest: () => unfinished.get() === null,
    everything: () => ["executions", "results"].map((table) => db.query(`SELECT * FROM ${table}`).all()),
    requests: () => requestIds.all().map(({ id }) => id),
    deadLetters: () => deadLetters.all(),
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
      refusedAsExhausted.set(id, requestId);
      // Replays of dead letters add failures.
      const isExhausted = (failures.get(requestId)?.count ?? 0) >= maxFailures;
      must(isExhausted || isRemovalAdmitted(requestId), "7: refused as exhausted, and it is not");
    },
    /** An item of a batch, with this payload. */
    itemRefused(payload: string): void {
      must(withPayload.get(payload) === null, "2: a request that was refused is there");
    },

    replayed(deadLetterId: string, executionId: string): void {
      const before = replayedBy.get(deadLetterId) ?? executionId;
      replayedBy.set(deadLetterId, before);
      must(before === executionId, "25: a dead letter was replayed by two executions");
      must(execution.get(executionId) !== null, "10: a read after a replay does not see the execution");
    },

    /** The receiver of a webhook is called. */
    delivered(deliveryId: string, { type, data }: WebhookMessage): void {
      const webhookId = data.webhook_id;
      const { execution_id: id = "" } = data;
      const row = execution.get(id);
      const isStored = row !== null && (row.removed_at !== null || row.status === data.status);
      must(isStored, "27: an outcome was delivered before it was stored, or another one");
      const isWanted = webhook.get(webhookId)?.definition.includes(`"${type}"`) === true;
      must(isWanted, "27: an outcome was delivered that the webhook does not ask for");
      const before = delivered.get(`${webhookId} ${id}`) ?? deliveryId;
      must(before === deliveryId, "27: an outcome was delivered under two ids");
      delivered.set(`${webhookId} ${id}`, deliveryId);
    },

    removalAsked: (requestId: string) => void db.run("INSERT INTO to_be_removed VALUES (?)", [requestId]),
    removalAcknowledged(id: string): void {
      removed.add(id);
      must(left.get({ id }) === null, "28: a removal was acknowledged and is not complete");
    },
    isRemoved: (requestId: string) => removed.has(requestId),
    /** Whether this key had created a request whose removal is acknowledged. */
    isKeyRemoved: (key: string) => removed.has(createdBy.get(key)?.split(" ")[0] ?? ""),
    keyRefusedAsRemoved(key: string): void {
      this.refusedAsRemoved(keyed.get(key)?.request_id ?? "none");
    },
    refusedAsRemoved(requestId: string): void {
      must(isRemovalAdmitted(requestId), "28: refused as removed, and it is not");
    },
    /** A request was read whose removal had been acknowledged before. */
    removedWasRead(kind: string): void {
      must(kind === "removed", "28: a removed request was served");
    },

    /** Called before everything that is active is cancelled; what it returns is called after the response. */
    cancelling(): () => void {
      const before = cancellable.all();
      return () => {
        const isUntouched = (row: Row) => Bun.deepEquals(execution.get(row.id), row);
        must(!before.some(isUntouched), "31: a bulk cancellation has left out what is active");
      };
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
      for (const what of brokenAtTheEnd(db)) must(false, what);
      for (const [id, payload] of payloads) {
        const row = request.get(id);
        must(row !== null && (row.removed_at !== null || row.payload === payload), "1: a request is lost");
      }
      for (const id of acknowledged) must(execution.get(id) !== null, "1: an acknowledged execution is lost");
      for (const id of refused) must(execution.get(id) === null, "2: an execution that was refused is there");
      for (const [id, at] of schedules) {
        const isThere = execution.get(firingIds({ id }, at).execution_id) !== null;
        must(isThere, "24: a firing of a schedule is lost");
        must((firings.get(id)?.count ?? 0) <= 1, "24: a schedule has fired twice for one time");
      }
      const letters = deadLetterIds(broker);
      for (const [id, requestId] of refusedAsExhausted)
        must(letters.has(id) || isRemovalAdmitted(requestId), "7: a refused attempt has no dead letter");
      for (const { webhook_id, execution_id } of expected.all())
        must(delivered.has(`${webhook_id} ${execution_id}`), "27: an outcome was not delivered");
      for (const record of Object.values(topics).flatMap(broker.read)) {
        const reading = readOutcome(record);
        if (reading.kind === "unreadable") continue;
        const row = execution.get(reading.record.execution_id);
        const isStored = row?.result_id === reading.record.id || (row?.removed_at ?? null) !== null;
        must(isStored, "8: an outcome was published that is not the stored one");
      }
      must(!broker.hasLag(), "16: a group has lag");
    },
  };
}

export type History = ReturnType<typeof createHistory>;

function deadLetterIds(broker: Broker): Set<string> {
  return new Set(broker.read(topics.deadLetters).map(({ headers }) => String(headers["dead-letter-id"])));
}
