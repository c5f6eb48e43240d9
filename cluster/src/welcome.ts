import type { Addresses } from "./addresses.ts";

/** What a person wants to know once everything is ready. */
export function welcome(url: string, logs: string, addresses: Addresses): string[] {
  return [
    "",
    "Sate is ready.",
    `  address   ${url}`,
    `  API page  ${url}/swagger`,
    `  try       curl -s ${url}/requests -H 'content-type: application/json' -d '{"payload": {"message": "ping"}}'`,
    `  logs      ${logs}`,
    ...Object.entries(addresses).map(([name, value]) => `  ${name}=${withoutSecrets(value)}`),
    "Ctrl-C stops it.",
    "",
  ];
}

/** Addresses of other people's servers may have a password in them. */
function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//***@");
}
