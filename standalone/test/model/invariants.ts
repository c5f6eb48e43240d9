import type { Database } from "bun:sqlite";
import { removedAtEveryWrite, removedAtTheEnd } from "./removal-invariants.ts";
import { type AtEveryWrite, type AtTheEnd, active, failed, now, ofRequest } from "./sql.ts";

export const lostMax = 4;
/** The tries of an execution of the processor that retries. A delivery to a webhook has eight. */
export const triesMax = 3;
const code = "NEW.outcome ->> '$.error.code'";
const isClaimed = "OLD.status = 'queued' AND NEW.status = 'running'";
const ends = "OLD.outcome IS NULL AND";
/** Created by calls with an Idempotency-Key, which is in the payload. */
const isKeyed = `payload LIKE '{"key":%'`;
const tries = `(CASE NEW.processor WHEN 'again' THEN ${triesMax} WHEN 'sate:webhook' THEN 8 ELSE 1 END)`;
/** Its content was removed. */
const isStub = "NEW.removed_at IS NOT NULL";
/** Each replay of a dead letter is one execution more than failures allow. Its key is the dead letter. */
const replays = `(SELECT count(*) ${ofRequest} AND key_hash IS NOT NULL AND key_hash NOT LIKE 'key %')`;

/** The invariants of docs/guarantees.md, each by its number. */
const atEveryWrite: AtEveryWrite = {
  "INSERT ON executions": {
    "1: an execution is there twice": "(SELECT count(*) FROM executions WHERE id = NEW.id) > 1",
    "3: one that is active or has succeeded is not the last attempt": `NEW.status <> 'removed' AND EXISTS
      (SELECT 1 ${ofRequest} AND attempt < NEW.attempt AND (status IN ${active} OR status = 'succeeded'))`,
    "6: attempts are not dense": `NEW.attempt <> (SELECT count(*) ${ofRequest})`,
    "26: two executions were created with one key": `NEW.key_hash IS NOT NULL AND
      (SELECT count(*) ${ofRequest} AND key_hash = NEW.key_hash) > 1`,
  },
  "INSERT, UPDATE ON executions": {
    "3: two active executions of a request": `(SELECT count(*) ${ofRequest} AND status IN ${active}) > 1`,
    "5: an outcome without an end, or an end without one": `NOT ${isStub} AND
      (NEW.status IN ${active}) <> (NEW.result_id IS NULL)`,
    "21: more tries than the processor allows": `NEW.tries + (NEW.status IN ${active}) > ${tries}`,
    "21: an outcome of more tries than the processor allows": `(NEW.outcome ->> 'tries') > ${tries}`,
    "5: an outcome of another status": `NOT ${isStub} AND
      (NEW.outcome ->> 'status') IS NOT iif(NEW.status IN ${active}, NULL, NEW.status)`,
  },
  "UPDATE ON executions": {
    "5: lost more often than allowed": `NEW.lost > ${lostMax}`,
    "5: one that was to be cancelled ran again": "OLD.cancel_requested AND NEW.epoch <> OLD.epoch",
    "7: more failures than allowed": `(SELECT count(*) ${ofRequest} AND status IN ${failed})
      > (SELECT failures FROM model) + ${replays}`,
    "10: a final execution has changed": `NOT ${isStub} AND OLD.status NOT IN ${active} AND
      (NEW.status, NEW.result_id, NEW.epoch) IS NOT (OLD.status, OLD.result_id, OLD.epoch)`,
    "11: an epoch, a loss or a try was taken back":
      "NEW.epoch < OLD.epoch OR NEW.lost < OLD.lost OR NEW.tries < OLD.tries",
    "22: a worker claims what it does not serve": `${isClaimed} AND NEW.processor NOT LIKE 'sate:%' AND EXISTS
      (SELECT 1 FROM workers WHERE id = NEW.worker_id AND NEW.processor NOT IN (SELECT value FROM json_each(processors)))`,
    "20: one that waits is claimed": `${isClaimed} AND OLD.start_after IS NOT NULL`,
    "20: one is claimed whose time is over": `${isClaimed} AND
      (OLD.deadline_at <= ${now} OR (OLD.epoch = 0 AND OLD.expires_at <= ${now}))`,
    "20: one that waits is woken before its time": `OLD.start_after > ${now} AND
      NEW.start_after IS NULL AND NEW.status = 'queued'`,
    "20: a deadline is changed": `NOT ${isStub} AND NEW.deadline_at IS NOT OLD.deadline_at AND OLD.deadline_at IS NOT NULL`,
    "20: a timeout before the deadline": `${ends} ${code} = 'timeout' AND NEW.deadline_at > ${now} + 1`,
    "20: one has expired that ran, or before its time": `${ends} ${code} = 'expired' AND
      (NEW.epoch > 0 OR NEW.expires_at IS NULL OR NEW.expires_at > ${now})`,
  },
  "DELETE ON executions": { "1: an execution is gone": "true" },
  "DELETE ON requests": { "1: a request is gone": "true" },
  "UPDATE ON requests": {
    "9: a payload has changed": `NOT ${isStub} AND NEW.payload IS NOT OLD.payload`,
  },
  "INSERT ON results": {
    "8: two results of an execution": "(SELECT count(*) FROM results WHERE _id = NEW._id) > 1",
    "8: the databases disagree about an outcome": `NOT ${isStub} AND
      NEW.id IS NOT (SELECT result_id FROM executions WHERE id = NEW.execution_id)`,
  },
  "UPDATE ON results": { "8: a result has changed": `OLD.removed_at IS NOT NULL OR NOT ${isStub}` },
  "DELETE ON results": { "8: a result is gone": "true" },
};

const atTheEnd: AtTheEnd = {
  // A removal by age takes the result first, and then empties the execution.
  "8: an execution has no result": `SELECT 1 FROM executions LEFT JOIN results USING (request_id, attempt)
    WHERE (results.removed_at IS NULL OR (executions.removed_at IS NULL AND (SELECT executions_kept FROM model) IS NULL))
      AND results.id IS NOT result_id AND executions.status <> 'removed'`,
  "8: a result of the wrong kind": `SELECT 1 FROM results JOIN executions ON executions.id = execution_id
    WHERE is_success IS NOT (status = 'succeeded')`,
  "9: a result with another payload": `SELECT 1 FROM results LEFT JOIN requests ON requests.id = request_id
    WHERE results.removed_at IS NULL AND results.payload IS NOT requests.payload`,
  "13: an outbox mark is left": "SELECT 1 FROM executions WHERE mark IS NOT NULL",
  "13: a start mark is left": "SELECT 1 FROM requests WHERE start IS NOT NULL",
  "26: a request was created without its execution": `SELECT 1 FROM requests
    WHERE ${isKeyed} AND NOT EXISTS (SELECT 1 FROM executions WHERE request_id = requests.id)`,
  "26: two requests were created with one key": `SELECT 1 FROM requests WHERE ${isKeyed} GROUP BY payload HAVING count(*) > 1`,
  "13: a refused attempt is still stored": "SELECT 1 FROM refusals",
  "16: an execution has not ended": `SELECT 1 FROM executions WHERE status IN ${active}`,
};

/** What the model notes beside the tables of the services. */
const notes = `
  CREATE TABLE broken (what TEXT PRIMARY KEY ON CONFLICT IGNORE);
  CREATE TABLE model (failures INTEGER, now INTEGER, requests_kept INTEGER, executions_kept INTEGER);
  -- Requests whose removal a client asked for.
  CREATE TABLE to_be_removed (request_id TEXT PRIMARY KEY ON CONFLICT IGNORE);
  -- Ends of executions that a webhook is to be told of.
  CREATE TABLE to_be_delivered (webhook_id TEXT, execution_id TEXT);
  CREATE TRIGGER note_end AFTER UPDATE ON executions
    WHEN OLD.status IN ${active} AND NEW.status NOT IN ${active} AND NEW.processor NOT LIKE 'sate:%'
    BEGIN INSERT INTO to_be_delivered SELECT id, NEW.id FROM webhooks WHERE EXISTS
      (SELECT 1 FROM json_each(definition, '$.events') WHERE value = 'execution.' || NEW.status); END;
  -- Deliveries that were given up: dead letters.
  CREATE TABLE undelivered (webhook_id TEXT, execution_id TEXT);
  CREATE TRIGGER note_undelivered AFTER UPDATE ON executions
    WHEN OLD.status IN ${active} AND NEW.status = 'dead_lettered' AND NEW.processor = 'sate:webhook'
    BEGIN INSERT INTO undelivered
      SELECT payload ->> '$.webhook_id', payload ->> '$.message.data.execution_id' FROM requests
      WHERE id = NEW.request_id; END;
`;

/** Makes the database note which invariants its writes break. */
export function watch(db: Database): void {
  db.run(notes);
  let triggers = 0;
  for (const [on, invariants] of [...Object.entries(atEveryWrite), ...Object.entries(removedAtEveryWrite)]) {
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

/** Those that the databases break now, when all is well again. */
export function brokenAtTheEnd(db: Database): string[] {
  const all = Object.entries({ ...atTheEnd, ...removedAtTheEnd });
  return all.flatMap(([what, query]) => (db.query(query).get() === null ? [] : what));
}
