const plain = /^[A-Za-z0-9._-]{1,128}$/;

/** The client's request id if it is short and harmless in any log, otherwise a new one. */
export function ownOrNew(given: string | null, newId: () => string): string {
  return given !== null && plain.test(given) ? given : newId();
}
