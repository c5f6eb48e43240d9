import type { Body, Client } from "./client.ts";

/** All entries of a list, following its links. */
export async function walk<List extends "executions" | "requests">(
  client: Client,
  list: List,
  query = "limit=100",
): Promise<Body[List]> {
  const entries: object[] = [];
  for (let next: string | undefined = `/${list}?${query}`; next; ) {
    const { status, json, text } = await client.get(next);
    if (status !== 200) throw new Error(`GET ${next} returned ${status}: ${text}`);
    entries.push(...json[list]);
    next = json.next_uri;
  }
  return entries as Body[List];
}
