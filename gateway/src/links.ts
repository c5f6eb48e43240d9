/** The addresses of resources, relative to the server: nothing that a client says about hosts is trusted. */

export function requestUri(requestId: string): string {
  return `/requests/${requestId}`;
}

export function executionsUri(requestId: string): string {
  return `/requests/${requestId}/executions`;
}

export function executionUri(requestId: string, executionId: string): string {
  return `${executionsUri(requestId)}/${executionId}`;
}

export function requestResultsUri(requestId: string): string {
  return `/requests/${requestId}/results`;
}

export function executionResultsUri(requestId: string, executionId: string): string {
  return `${executionUri(requestId, executionId)}/results`;
}

/** The next page of the list at `path`. */
export function nextUri(path: string, limit: number, cursor: string): string {
  return `${path}?limit=${limit}&cursor=${cursor}`;
}
