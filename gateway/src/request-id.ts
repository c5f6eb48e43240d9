import { traceparentPattern } from "@sate/contracts";

const plain = /^[A-Za-z0-9._-]{1,128}$/;

/** The client's own request id if it is short and harmless in any log, otherwise a new one. */
export function ownOrNew(given: string | null, newId: () => string): string {
  return given !== null && plain.test(given) ? given : newId();
}

const traceparent = new RegExp(traceparentPattern);
/** Ids of zeros are invalid: https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const nobody = /^00-(0{32}|.{32}-0{16})/;

/** The trace that the client's request belongs to, or the beginning of a new one. */
export function traceOf(headers: Headers, newId: () => string): string {
  const given = headers.get("traceparent");
  if (given !== null && traceparent.test(given) && !nobody.test(given)) return given;
  const hex = () => newId().replaceAll("-", "");
  return `00-${hex()}-${hex().slice(16)}-01`;
}
