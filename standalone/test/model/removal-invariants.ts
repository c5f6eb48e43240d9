import { type AtEveryWrite, type AtTheEnd, active, now, ofRequest } from "./sql.ts";

const becomesStub = "OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL";
const isRemoval = "NEW.status = 'removed'";
/** What is still to be done for an execution; the attempt by which a request is removed has other marks. */
const isUnconfirmed = (mark: string) => `(${mark} IS NOT NULL AND ${mark} NOT LIKE 'being_removed:%')`;
const content = ["outcome", "outputs", "result_id", "last_error", "progress", "labels", "traceparent"];

/** Invariant 28, see `AtEveryWrite`. The removal of a request is its last attempt, with the status `removed`. */
export const removedAtEveryWrite: AtEveryWrite = {
  "INSERT ON executions": {
    "28: an attempt after the removal of its request": `EXISTS
      (SELECT 1 ${ofRequest} AND attempt < NEW.attempt AND status = 'removed')`,
    "28: a removal of what is active": `${isRemoval} AND (EXISTS (SELECT 1 ${ofRequest} AND status IN ${active})
      OR NEW.attempt = 1 AND EXISTS (SELECT 1 FROM requests WHERE id = NEW.request_id AND start IS NOT NULL))`,
    "28: a removal that nobody asked for, or before its time": `${isRemoval} AND NEW.request_id NOT IN to_be_removed
      AND ((SELECT requests_kept FROM model) IS NULL OR EXISTS (SELECT 1 ${ofRequest} AND attempt < NEW.attempt
        AND ended_at >= ${now} - (SELECT requests_kept FROM model)))`,
  },
  "UPDATE ON executions": {
    "28: what is active or not confirmed was emptied": `${becomesStub} AND
      (OLD.status IN ${active} OR OLD.mark IS NOT NULL)`,
    "28: an execution was emptied that is to be kept": `${becomesStub} AND NOT EXISTS
      (SELECT 1 ${ofRequest} AND status = 'removed') AND ((SELECT executions_kept FROM model) IS NULL
        OR OLD.ended_at >= ${now} - (SELECT executions_kept FROM model))`,
    "28: a removed execution has changed": `OLD.removed_at IS NOT NULL AND
      ((NEW.removed_at, NEW.id, NEW.epoch, NEW.tries) IS NOT (OLD.removed_at, OLD.id, OLD.epoch, OLD.tries)
        OR NEW.status NOT IN (OLD.status, 'removed'))`,
    "28: a removed execution has content": `NEW.removed_at IS NOT NULL AND
      (coalesce(${content.map((name) => `NEW.${name}`)}) IS NOT NULL OR ${isUnconfirmed("NEW.mark")})`,
  },
  "UPDATE ON requests": {
    "28: a request was removed without a removal": `${becomesStub} AND NOT EXISTS
      (SELECT 1 FROM executions WHERE request_id = NEW.id AND status = 'removed')`,
    "28: a removed request has changed": `OLD.removed_at IS NOT NULL AND (NEW.removed_at, NEW.payload, NEW.labels, NEW.start)
      IS NOT (OLD.removed_at, OLD.payload, OLD.labels, OLD.start)`,
  },
  "INSERT ON results": {
    "28: a result of a removed execution was recorded": `NEW.removed_at IS NULL AND EXISTS
      (SELECT 1 ${ofRequest} AND attempt = NEW.attempt AND removed_at IS NOT NULL)`,
  },
  "INSERT, UPDATE ON results": {
    "28: a result was removed of what is active or not confirmed": `NEW.removed_at IS NOT NULL AND EXISTS
      (SELECT 1 ${ofRequest} AND attempt = NEW.attempt AND (status IN ${active} OR ${isUnconfirmed("mark")}))`,
  },
};

const removed = "JOIN requests ON requests.id = request_id WHERE requests.removed_at IS NOT NULL";

export const removedAtTheEnd: AtTheEnd = {
  "28: a removal is not complete": `SELECT 1 FROM executions JOIN requests ON requests.id = request_id
    WHERE status = 'removed' AND requests.removed_at IS NULL`,
  "28: a result of a removed request is left": `SELECT 1 FROM results ${removed} AND results.removed_at IS NULL`,
  "28: an execution of a removed request is left": `SELECT 1 FROM executions ${removed} AND status <> 'removed'`,
  "28: a dead letter of a removed request is left": `SELECT 1 FROM dead_letters ${removed}`,
  "28: a label of a removed request is left": `SELECT 1 FROM request_labels JOIN requests USING (id)
    WHERE removed_at IS NOT NULL`,
};
