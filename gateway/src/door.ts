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
  /** Resolves when no answer is under way, or after `withinMs`. */
  drained(withinMs: number): Promise<void>;
};

/**
 * What the process can bear at once. Bodies that are still arriving have a bound of their own: clients that
 * are slow, or pretend to be, keep nobody else out.
 */
const arrivingMax = 16_384;
const answeringMax = 4_096;
const heldBytesMax = 24 * 1024 * 1024;

/** From the end of the body to the answer. */
const answerDeadlineMs = 9_500;

/**
 * Bun cuts a connection that stays silent, in steps of 4 s. The answer must come before that, so the
 * connection of a request that is being answered is given longer.
 */
export const idleSeconds = 10;
const answerSeconds = 14;

export function createDoor({ bodyBytesMax, deadlineMs = answerDeadlineMs }: DoorOptions): Door {
  let arriving = 0;
  let answering = 0;
  let heldBytes = 0;
  let onDrained: (() => void)[] = [];

  async function bodyOf(
    { request, server }: Caller,
    take: (bytes: number) => void,
  ): Promise<JsonText | null> {
    if (arriving >= arrivingMax) throw overloaded();
    arriving++;
    try {
      const onProgress = () => server?.timeout(request, idleSeconds);
      return await readBody(request, { bytesMax: bodyBytesMax, take, onProgress });
    } finally {
      arriving--;
    }
  }

  async function answerOf({ request, server }: Caller, work: () => Promise<Response>): Promise<Response> {
    if (answering >= answeringMax) throw overloaded();
    answering++;
    server?.timeout(request, answerSeconds);
    try {
      return await inTime(work(), deadlineMs);
    } finally {
      server?.timeout(request, idleSeconds);
      answering--;
      if (answering === 0) for (const tell of onDrained.splice(0)) tell();
    }
  }

  return {
    async pass(caller, { parameters = [], hasBody = false }, work) {
      const query = readQuery(caller.request.url, parameters);
      let held = 0;
      const take = (bytes: number) => {
        if (heldBytes + bytes > heldBytesMax) throw overloaded();
        heldBytes += bytes;
        held += bytes;
      };
      try {
        const body = hasBody ? await bodyOf(caller, take) : null;
        return await answerOf(caller, () => work({ query, body }));
      } finally {
        heldBytes -= held;
      }
    },

    async drained(withinMs) {
      if (answering === 0) return;
      const end = new Promise<void>((resolve) => onDrained.push(resolve));
      await inTime(end, withinMs).catch(() => {});
      onDrained = [];
    },
  };
}
