/** The error of a promise that rejects. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "it did not reject",
    (error) => error,
  );
}

export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}
