import type { Addresses } from "../servers/addresses.ts";

/** Where everything is, once it is ready. */
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

/** An address from the environment may contain a password. */
function withoutSecrets(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//***@");
}
