/** Why the command fails, as text for a person, and its exit code: of sysexits.h, or 1 for data that does not match. */
export class Failure extends Error {
  override name = "Failure";
  constructor(
    message: string,
    readonly exitCode: 1 | 69 | 77 | 78,
    options?: { cause: unknown },
  ) {
    super(message, options);
  }
}

const patienceMs = 60_000;
const pauseMs = { first: 100, most: 2_000 };

/** Calls `work` until it succeeds. `what`: the server that it calls, as the beginning of a sentence. Rejects with a `Failure`. */
export type Patiently = <T>(what: string, work: () => Promise<T>) => Promise<T>;

/**
 * Repeats work that fails for up to a minute, because servers restart, and notes it once. Every step of a move may be
 * repeated. A `Failure` ends it at once.
 */
export function createPatience(note: (line: string) => void): Patiently {
  return async (what, work) => {
    const end = performance.now() + patienceMs;
    for (let pause = pauseMs.first; ; pause = Math.min(pause * 2, pauseMs.most)) {
      try {
        return await work();
      } catch (cause) {
        if (cause instanceof Failure) throw cause;
        if (isDenied(cause)) throw new Failure(`${what} rejects the user in its address.`, 77, { cause });
        if (performance.now() >= end) {
          const again = "Run the command again when it does: it continues where it was interrupted.";
          throw new Failure(`${what} does not respond. ${again}`, 69, { cause });
        }
        if (pause === pauseMs.first)
          note(`${what} does not respond. The command tries again for up to a minute.`);
        await Bun.sleep(pause);
      }
    }
  };
}

/** MongoDB's codes: unauthorized, and authentication failed. */
const deniedCodes = new Set<unknown>([13, 18]);

/** Trying again would not help. The driver's error is the cause of that of the adapter. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return deniedCodes.has((error as { code?: unknown }).code) || isDenied(error.cause);
}
