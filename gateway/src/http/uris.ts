/**
 * The URIs of resources. They start with `PUBLIC_URL` if that is set, and are otherwise relative to the server: nothing
 * that a client or a proxy says about hosts is trusted.
 */
export function createUris(publicUrl = "") {
  const base = publicUrl.replace(/\/+$/, "");
  const request = (requestId: string) => `${base}/requests/${requestId}`;
  const executions = (requestId: string) => `${request(requestId)}/executions`;
  const execution = (requestId: string, executionId: string) => `${executions(requestId)}/${executionId}`;
  return {
    /** Of a path of this server, such as `/swagger`. */
    at: (path: string) => `${base}${path}`,
    requests: () => `${base}/requests`,
    allExecutions: () => `${base}/executions`,
    request,
    executions,
    execution,
    deadLetters: () => `${base}/dead-letters`,
    requestResults: (requestId: string) => `${request(requestId)}/results`,
    executionResults: (requestId: string, executionId: string) =>
      `${execution(requestId, executionId)}/results`,
    executionLog: (requestId: string, executionId: string) => `${execution(requestId, executionId)}/log`,
    schedules: () => `${base}/schedules`,
    schedule: (scheduleId: string) => `${base}/schedules/${scheduleId}`,
    executionEvents: (requestId: string, executionId: string) =>
      `${execution(requestId, executionId)}/events`,
    /** The next page of the filtered list at `uri`: with the same parameters, from `cursor` on. */
    nextOf(uri: string, query: Record<string, string | number | undefined>, cursor: string | undefined) {
      if (cursor === undefined) return undefined;
      const parameters = new URLSearchParams();
      for (const [name, value] of Object.entries({ ...query, cursor })) {
        if (value !== undefined) parameters.set(name, String(value));
      }
      return `${uri}?${parameters}`;
    },
    /** If there are `more`, the page of the list at `uri` that follows the entry with this cursor. */
    next: (uri: string, limit: number, more: boolean, last: string | number | undefined) =>
      more ? `${uri}?limit=${limit}&cursor=${last}` : undefined,
  };
}

export type Uris = ReturnType<typeof createUris>;
