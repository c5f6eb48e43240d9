/** The deadline of a call passed. Its later result is ignored. */
export class DeadlinePassed extends Error {
  override name = "DeadlinePassed";
}

/** Settles as `work` does, or rejects with `DeadlinePassed` after `deadlineMs`. */
export function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new DeadlinePassed(`no result within ${deadlineMs} ms`)),
      deadlineMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
