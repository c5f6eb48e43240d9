/** A port's own class for what did not answer, or not in time. */
export type UnavailableClass = new (message: string, options?: { cause?: unknown }) => Error;

// biome-ignore lint/suspicious/noExplicitAny: whatever the functions take and give is passed through
type Functions = Record<string, (...args: any[]) => Promise<any>>;

/**
 * The functions of one service as the port of another: called directly, and what they reject with is what
 * the port promises. Each service has an `Unavailable` of its own, so that of the one is not that of the
 * other, though it has the same name.
 */
export function direct<F extends Functions>(functions: F, Unavailable: UnavailableClass): F {
  const entries = Object.entries(functions).map(([name, call]) => {
    const wrapped: typeof call = async (...args) => {
      try {
        return await call(...args);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "Unavailable") throw error;
        throw new Unavailable(error.message, { cause: error.cause });
      }
    };
    return [name, wrapped];
  });
  return Object.fromEntries(entries) as F;
}
