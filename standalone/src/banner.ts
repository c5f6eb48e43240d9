/** What standalone prints once it is ready: where it listens, and what to try. */
export function banner(started: {
  host: string;
  port: number | undefined;
  dataDir: string;
  hasKeys: boolean;
}): string {
  const host = started.host === "0.0.0.0" || started.host === "::" ? "127.0.0.1" : started.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${started.port}`;
  const curl = started.hasKeys ? "curl -s -H 'Authorization: Bearer <your API key>'" : "curl -s";
  return `
Sate is ready on ${url}
  API reference  ${url}/swagger
  data folder    ${started.dataDir}
  stop           Ctrl-C

Try it:
  ${curl} ${url}/requests -H 'content-type: application/json' -d '{"payload": {"message": "ping"}}'
  ${curl} -X POST ${url}/requests/<the id>/executions
  ${curl} ${url}/requests/<the id>/results
`;
}
