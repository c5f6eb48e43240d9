import type { Static, TSchema } from "@sinclair/typebox";

/**
 * An internal API is a table: one operation a row. The service that offers it makes its routes from the
 * table and the services that use it make their client from it, so neither can know an operation that the
 * other does not. Every operation is a POST of JSON to `path`, answered 200 with JSON; anything else is a
 * problem (problems.ts). Without `Authorization: Bearer <service token>` the answer is 401.
 *
 * Bodies are open objects: a newer caller may send a field that an older service does not know.
 */
export type Api = Record<string, { path: string; body: TSchema; answer: TSchema }>;

/**
 * The operations of an API as functions: what a service's core implements, what an HTTP client of it
 * implements, and what its users ask for as a port.
 */
export type ApiFunctions<A extends Api> = {
  [Name in keyof A]: (body: Static<A[Name]["body"]>) => Promise<Static<A[Name]["answer"]>>;
};
