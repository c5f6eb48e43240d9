import { limits } from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";

/** The address of a receiver as it is called. Each call decides whether it may be called, when its name is resolved. */
export function receiverUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "";
  if (isPlain && /^https?:$/.test(url.protocol) && url.href.length <= limits.webhookUrlCharsMax)
    return url.href;
  const detail = "`url` must be an http or https address without a user name, a password or a fragment.";
  throw new Refusal("invalid-body", detail, { field: "url" });
}
