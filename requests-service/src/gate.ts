import { Unavailable } from "./ports.ts";

/**
 * Stands before the commands: counts those under way, so that a stop can wait for them, and refuses those
 * that come after it. Without it a command could lose the database between two of its writes.
 */
export type Gate<Commands> = {
  commands: Commands;
  /** Refuses from now on; resolves when nothing is under way. Safe twice. */
  close(): Promise<void>;
};

export function createGate<Commands extends Record<string, (body: never) => Promise<unknown>>>(
  commands: Commands,
): Gate<Commands> {
  const underWay = new Set<Promise<unknown>>();
  let isClosed = false;

  const guarded = (command: (body: never) => Promise<unknown>) => async (body: never) => {
    if (isClosed) throw new Unavailable("The service is stopping.");
    const call = command(body);
    underWay.add(call);
    try {
      return await call;
    } finally {
      underWay.delete(call);
    }
  };

  return {
    commands: Object.fromEntries(
      Object.entries(commands).map(([name, command]) => [name, guarded(command)]),
    ) as Commands,
    async close() {
      isClosed = true;
      await Promise.allSettled([...underWay]);
    },
  };
}
