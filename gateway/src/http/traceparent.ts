import { traceparentPattern } from "@sate/contracts";

const traceparent = new RegExp(traceparentPattern);
/** Ids of only zeros are invalid: https://www.w3.org/TR/trace-context/#traceparent-header-field-values */
const zeros = /^00-(0{32}|.{32}-0{16})/;

/** The client's trace context, or a new one. */
export function traceOf(headers: Headers, newId: () => string): string {
  const given = headers.get("traceparent");
  if (given !== null && traceparent.test(given) && !zeros.test(given)) return given;
  const hex = () => newId().replaceAll("-", "");
  return `00-${hex()}-${hex().slice(16)}-01`;
}
