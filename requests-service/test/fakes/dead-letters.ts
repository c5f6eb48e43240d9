import type { DeadLetterRecord } from "@sate/contracts";
import { Unavailable } from "@sate/contracts";
import type { DeadLetters } from "../../src/ports.ts";

/** The stored dead letters in memory, by id. */
export function fakeDeadLetters() {
  const stored = new Map<string, DeadLetterRecord>();
  const fake = {
    isAway: false as boolean,
    stored,
    async getDeadLetter({ id }) {
      if (fake.isAway) throw new Unavailable("results-service is away.");
      const dead_letter = stored.get(id);
      return dead_letter ? { kind: "found", dead_letter } : { kind: "unknown_dead_letter" };
    },
  } satisfies DeadLetters & { isAway: boolean; stored: unknown };
  return fake;
}
