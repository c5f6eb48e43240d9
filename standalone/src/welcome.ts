/** What a person reads when it has started: where it is, and what to try. */
export function welcome(started: { host: string; port: number | undefined; dataDir: string }): string {
  const host = started.host === "0.0.0.0" || started.host === "::" ? "127.0.0.1" : started.host;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${started.port}`;
  return `
Sate is ready on ${url}
  every route    ${url}/swagger
  the data       ${started.dataDir}
  to end it      Ctrl-C

Try it:
  curl -s ${url}/requests -H 'content-type: application/json' -d '{"payload": {"message": "ping"}}'
  curl -s -X POST ${url}/requests/<the id>/executions
  curl -s ${url}/requests/<the id>/results
`;
}
