/**
 * Conditions of invariants by event and table, each by its number and what is broken. A write for which the condition is
 * true breaks it: `NEW` is the row as it was written, `OLD` as it was before.
 */
export type AtEveryWrite = Record<string, Record<string, string>>;
/** Those that hold when all is well again and everything has had its time: the query finds what breaks them. */
export type AtTheEnd = Record<string, string>;

export const active = "('queued', 'running')";
export const failed = "('failed', 'dead_lettered')";
export const now = "(SELECT now FROM model)";
export const ofRequest = "FROM executions WHERE request_id = NEW.request_id";
