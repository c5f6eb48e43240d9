import { lookup as resolveName } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { AddressPolicy } from "./addresses.ts";

/** No address of the receiver may be called. */
export class AddressRefused extends Error {
  override name = "AddressRefused";
}

type Resolve = (host: string, options: { all: true }, then: ResolveEnd) => void;
type ResolveEnd = (
  error: NodeJS.ErrnoException | null,
  addresses: { address: string; family: number }[],
) => void;

/**
 * How a connection to `url` finds its address. Only addresses that the policy allows are returned, and the connection
 * uses what is returned: a name that resolves to another address a moment later has no second chance. Throws
 * `AddressRefused` if the URL itself contains an address that is not allowed, because such an address is never looked up.
 */
export function checkedLookup(
  url: URL,
  policy: AddressPolicy,
  resolve: Resolve = resolveName,
): LookupFunction {
  const { protocol } = url;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAllowed = (address: string) => policy.allows({ protocol, host, address });
  if (isIP(host) !== 0 && !isAllowed(host)) throw new AddressRefused();

  return (name, { all }, then) => {
    resolve(name, { all: true }, (error, addresses) => {
      if (error) return then(error, "", 0);
      const allowed = addresses.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      if (first === undefined) then(new AddressRefused(), "", 0);
      else if (all) then(null, allowed);
      else then(null, first.address, first.family);
    });
  };
}
