/** The deadline of a call passed. What the call does after that is not waited for. */
export class DeadlinePassed extends Error {
  override name = "DeadlinePassed";
}

/** Settles as `work` does, or rejects with `DeadlinePassed` after `deadlineMs`. */
export function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlinePassed(`no answer in ${deadlineMs} ms`)), deadlineMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
