import type { JsonText } from "@sate/contracts";
import { readBody } from "./body.ts";
import { inTime } from "./in-time.ts";
import { type Query, readQuery } from "./query.ts";
import { overloaded } from "./refusal.ts";

/** A request as Elysia hands it over; without a server in tests that call the app directly. */
export type Caller = {
  request: Request;
  server: { timeout(request: Request, seconds: number): void } | null;
};

export type DoorOptions = { bodyBytesMax: number; deadlineMs?: number };

export type Asked = { query: Query; body: JsonText | null };

export type Door = {
  /**
   * Lets a request in, if there is room: its query may have these parameters, its body is read if `hasBody`.
   * Answers what `work` does, within a deadline; rejects with a refusal, `DeadlinePassed`, or as `work` does.
   */
  pass(
    caller: Caller,
    terms: { parameters?: readonly string[]; hasBody?: boolean },
    work: (asked: Asked) => Promise<Response>,
  ): Promise<Response>;
  /** Resolves when nothing is under way, or after `withinMs`. */
  drained(withinMs: number): Promise<void>;
};

/** Requests under way at once, and bytes of their bodies: what the process can bear. */
const passesMax = 4_096;
const heldBytesMax = 64 * 1024 * 1024;

/** From the end of the body to the answer. */
const answerDeadlineMs = 9_500;

/**
 * Bun cuts a connection that stays silent, in steps of 4 s. The answer must come before that, so the
 * connection of a request that is being answered is given longer.
 */
export const idleSeconds = 10;
const answerSeconds = 14;

export function createDoor({ bodyBytesMax, deadlineMs = answerDeadlineMs }: DoorOptions): Door {
  let passes = 0;
  let heldBytes = 0;
  let onDrained: (() => void)[] = [];

  return {
    async pass({ request, server }, { parameters = [], hasBody = false }, work) {
      const query = readQuery(request.url, parameters);
      if (passes >= passesMax) throw overloaded();
      passes++;
      let held = 0;
      try {
        const take = (bytes: number) => {
          if (heldBytes + bytes > heldBytesMax) throw overloaded();
          heldBytes += bytes;
          held += bytes;
        };
        const onProgress = () => server?.timeout(request, idleSeconds);
        const body = hasBody ? await readBody(request, { bytesMax: bodyBytesMax, take, onProgress }) : null;
        server?.timeout(request, answerSeconds);
        return await inTime(work({ query, body }), deadlineMs);
      } finally {
        server?.timeout(request, idleSeconds);
        heldBytes -= held;
        passes--;
        if (passes === 0) for (const tell of onDrained.splice(0)) tell();
      }
    },

    async drained(withinMs) {
      if (passes === 0) return;
      const end = new Promise<void>((resolve) => onDrained.push(resolve));
      await inTime(end, withinMs).catch(() => {});
      onDrained = [];
    },
  };
}
