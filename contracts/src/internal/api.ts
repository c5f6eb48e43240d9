import type { Static, TSchema } from "@sinclair/typebox";

/**
 * An internal API is a table with one operation per row. The service that provides it derives its routes from the
 * table, and its callers derive their client from it, so neither can know an operation that the other does not.
 * Every operation is a POST of JSON to `path`. The response is 200 with JSON, or a problem (public/problems.ts).
 * Without `Authorization: Bearer <service token>` it is 401.
 *
 * Bodies are open objects: a newer caller may send a field that an older service does not know.
 */
export type Api = Record<string, { path: string; body: TSchema; response: TSchema }>;

/**
 * The operations of an API as functions: what a service's core implements, what an HTTP client of it
 * implements, and what its callers require as a port. A call rejects with `Unavailable` when it has no result; any
 * other rejection is a bug.
 */
export type ApiFunctions<A extends Api> = {
  [Name in keyof A]: (body: Static<A[Name]["body"]>) => Promise<Static<A[Name]["response"]>>;
};
