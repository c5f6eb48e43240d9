import { type IncomingRecord, readExecution, readOutcome, topics } from "@sate/contracts";
import type { Broker } from "./broker.ts";
import type { Databases } from "./databases.ts";
import type { Owner } from "./simulation.ts";

/** One call of a handler. */
export type HandlerRunSeen = {
  requestId: string;
  executionId: string;
  epoch: number;
  owner: Owner;
  startedAt: number;
  endedAt: number | null;
};

type Row = {
  request_id: string;
  attempt: number;
  id: string;
  status: string;
  epoch: number;
  lost: number;
  result_id: string | null;
  /** Of its outcome, which is stored as text beside it. */
  outcome_status: string | null;
  cancel_requested: number;
  mark: string | null;
};
type ResultRow = {
  request_id: string;
  attempt: number;
  execution_id: string;
  id: string;
  is_success: number;
  payload: string;
};

const isActive = (row: Pick<Row, "status">) => row.status === "queued" || row.status === "running";
const isFailure = ({ status }: Row) => status === "failed" || status === "dead_lettered";

/**
 * What was seen, and what must therefore hold: the invariants of docs/guarantees.md. A broken one is put
 * into `broken`, never thrown, for whoever threw would be taken for a failure of a service.
 */
export function createHistory(parts: { databases: Databases; maxFailures: number; lostMax: number }) {
  const { databases, maxFailures, lostMax } = parts;
  const { db } = databases;
  const broken: string[] = [];
  const runs: HandlerRunSeen[] = [];
  const payloads = new Map<string, string>();
  const acknowledged = new Map<string, string>();
  const refused = new Set<string>();
  const refusedAsExhausted = new Set<string>();
  let last = new Map<string, Row>();
  let lastResults = new Map<string, string>();
  let excusedOverlaps = 0;

  const selectAll = db.query<Row, []>(
    `SELECT request_id, attempt, id, status, epoch, lost, result_id, outcome ->> 'status' AS outcome_status,
     cancel_requested, mark FROM executions ORDER BY request_id, attempt`,
  );
  const selectOne = db.query<Row, [string]>("SELECT * FROM executions WHERE id = ?");
  const countRefusals = db.query<{ count: number }, []>("SELECT count(*) AS count FROM refusals");
  const selectResults = db.query<ResultRow, []>(
    "SELECT request_id, attempt, execution_id, id, is_success, payload FROM results",
  );
  const selectResult = db.query<ResultRow, [string, number]>(
    "SELECT execution_id FROM results WHERE request_id = ? AND attempt = ?",
  );
  const selectRequest = db.query<{ payload: string }, [string]>("SELECT payload FROM requests WHERE id = ?");

  const must = (holds: boolean, what: string): void => {
    if (!holds) broken.push(what);
  };

  function checkRequest(rows: Row[]): void {
    rows.forEach((row, index) => {
      must(row.attempt === index + 1, "6: attempts are not dense");
      if (index < rows.length - 1) {
        must(!isActive(row), "3: one that is active is not the last attempt");
        must(row.status !== "succeeded", "5: an execution was created after a success");
      }
    });
    must(rows.filter(isActive).length <= 1, "3: two active executions of a request");
    must(rows.filter(isFailure).length <= maxFailures, "7: more failures than allowed");
  }

  function compare(row: Row): void {
    must(!refused.has(row.id), "2: an execution that was refused is there");
    must(row.lost <= lostMax, "5: lost more often than allowed");
    must(isActive(row) === (row.result_id === null), "5: an outcome without an end, or an end without one");
    must(row.outcome_status === (isActive(row) ? null : row.status), "5: an outcome of another status");
    const before = last.get(row.id);
    if (!before) return;
    must(row.epoch >= before.epoch && row.lost >= before.lost, "11: an epoch or a loss was taken back");
    if (before.cancel_requested)
      must(row.epoch === before.epoch, "5: one that was to be cancelled ran again");
    if (isActive(before)) return;
    const isSame =
      before.status === row.status && before.result_id === row.result_id && before.epoch === row.epoch;
    must(isSame, `10: a final execution changed from ${before.status} to ${row.status}`);
  }

  return {
    broken,
    runs,
    acknowledged,
    rows: () => selectAll.all(),
    results: () => selectResults.all(),
    refusalsLeft: () => countRefusals.get()?.count ?? 0,
    excusedOverlaps: () => excusedOverlaps,

    requestAcknowledged: (id: string, payload: string) => void payloads.set(id, payload),
    executionAcknowledged(id: string, requestId: string): void {
      acknowledged.set(id, requestId);
      must(selectOne.get(id) !== null, "10: a read after a 201 does not see the execution");
    },
    executionRefused: (id: string) => void refused.add(id),
    exhausted(requestId: string, id: string): void {
      refused.add(id);
      refusedAsExhausted.add(id);
      const rows = selectAll.all().filter((row) => row.request_id === requestId);
      must(rows.filter(isFailure).length === maxFailures, "7: refused as exhausted, and it is not");
    },

    /** Before a write of outcomes reaches the database: what it holds, to be compared with the answers. */
    finishing(decided: { execution_id: string; epoch: number; outcome: { result_id: string } }[]) {
      const before = decided.map(({ execution_id }) => selectOne.get(execution_id));
      return (answers: string[]): void => {
        for (const [index, answer] of answers.entries()) {
          if (answer !== "stored") continue;
          const { epoch, outcome } = decided[index] as (typeof decided)[number];
          const row = before[index];
          const isRepeated = row?.result_id === outcome.result_id;
          const isOwn = row?.status === "running" && row.epoch === epoch;
          must(isRepeated || isOwn, "11: a finish was taken whose epoch is not the stored one");
        }
      };
    },

    /** A handler begins. */
    runStarts(run: HandlerRunSeen, payload: string): void {
      const row = selectOne.get(run.executionId);
      must(row?.status === "running", `5: a run starts of an execution that is ${row?.status}`);
      must(row?.epoch === run.epoch, "11: a run starts whose epoch is not the stored one");
      must(payload === (payloads.get(run.requestId) ?? payload), "9: another payload than was sent");
      for (const other of runs) {
        if (other.requestId !== run.requestId || other.endedAt !== null || other.owner.isDead) continue;
        if (other.owner.frozenUntil > other.startedAt) excusedOverlaps++;
        else broken.push(`4: ${run.owner.name} runs beside ${other.owner.name}`);
      }
      runs.push(run);
    },

    /** Invariant 12: what is committed needs no record any more. */
    committed(group: string, records: IncomingRecord[], broker: () => Broker): void {
      for (const record of records) {
        const reading = record.topic === topics.executions ? readExecution(record) : readOutcome(record);
        if (reading.kind === "unreadable") {
          if (record.topic === topics.deadLetters) continue;
          const id = `${record.topic}/${record.partition}/${record.offset}/${record.timestamp}`;
          const isBuried = broker()
            .read(topics.deadLetters)
            .some(({ headers }) => String(headers["dead-letter-id"]) === id);
          must(isBuried, "15: a record that cannot be read was committed without a dead letter");
        } else if (record.topic === topics.executions) {
          must(
            selectOne.get(reading.record.execution_id) !== null,
            "12: an execution was committed and is not there",
          );
        } else if (!isRefusal(record)) {
          const { request_id, attempt } = reading.record;
          must(
            selectResult.get(request_id, attempt) !== null,
            `12: ${group} committed an outcome without its result`,
          );
        }
      }
    },

    /** After a step in which something was written. */
    check(): void {
      const rows = selectAll.all();
      const next = new Map<string, Row>();
      let own: Row[] = [];
      for (const [index, row] of rows.entries()) {
        compare(row);
        must(!next.has(row.id), "1: an execution is there twice");
        next.set(row.id, row);
        own.push(row);
        if (rows[index + 1]?.request_id === row.request_id) continue;
        checkRequest(own);
        own = [];
      }
      for (const id of last.keys()) must(next.has(id), "1: an execution is gone");
      last = next;
    },

    checkResults(): void {
      const seen = new Map<string, string>();
      for (const result of selectResults.all()) {
        must(!seen.has(result.execution_id), "8: two results of an execution");
        seen.set(result.execution_id, result.id);
        const before = lastResults.get(result.execution_id);
        must(before === undefined || before === result.id, "8: a result has changed");
        must(
          last.get(result.execution_id)?.result_id === result.id,
          "8: the databases disagree about an outcome",
        );
      }
      lastResults = seen;
    },

    /** When all is well again and everything has had its time. */
    checkEnd(broker: Broker): void {
      this.check();
      this.checkResults();
      for (const [id, payload] of payloads)
        must(selectRequest.get(id)?.payload === payload, "1: a request is lost");
      for (const id of acknowledged.keys()) must(last.has(id), "1: an acknowledged execution is lost");
      for (const row of last.values()) {
        must(!isActive(row), `16: an execution is still ${row.status}`);
        must(row.mark === null, "13: an outbox mark is left");
        must(lastResults.get(row.id) === row.result_id, "8: an execution has no result");
      }
      for (const result of selectResults.all()) {
        const status = last.get(result.execution_id)?.status;
        must((status === "succeeded") === (result.is_success === 1), "8: a result of the wrong kind");
        must(payloads.get(result.request_id) === result.payload, "9: a result with another payload");
      }
      const letters = new Set(
        broker.read(topics.deadLetters).map(({ headers }) => String(headers["dead-letter-id"])),
      );
      for (const id of refusedAsExhausted) must(letters.has(id), "7: a refused attempt has no dead letter");
      must(this.refusalsLeft() === 0, "13: a refused attempt is stored still");
      for (const record of Object.values(topics).flatMap(broker.read)) {
        const reading = readOutcome(record);
        if (reading.kind === "unreadable") continue;
        const { id, execution_id } = reading.record;
        must(
          last.get(execution_id)?.result_id === id,
          "8: an outcome was published that is not the stored one",
        );
      }
      must(!broker.hasLag(), "16: a group has lag");
    },
  };
}

export type History = ReturnType<typeof createHistory>;

/** The dead letter of a refused attempt has the form of an execution, not of an outcome: `readOutcome` cannot read it. */
function isRefusal({ headers }: IncomingRecord): boolean {
  return String(headers.reason ?? "") === "max_failures";
}
