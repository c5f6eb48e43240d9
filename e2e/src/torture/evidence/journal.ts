/** What clients that repeat, wait, stream, replay and remove did and received, beside the history. */
export type Journal = {
  /** By Idempotency-Key and item of the call: the ids in each response, as one text. */
  keyed: Map<string, string[]>;
  /** Final responses to `Prefer: wait`. */
  waited: { executionId: string; status: string; resultId: string }[];
  /** Event streams that have ended: the final statuses and the results that each has shown, in order. */
  streamed: { executionId: string; finals: string[]; results: string[]; connections: number }[];
  /** Responses to the replay of a single dead letter. */
  replays: { deadLetterId: string; executionId: string }[];
  /** Requests whose removal was asked for. */
  removing: Set<string>;
  /** Those that were removed: when the response arrived, by the machine's monotonic clock. */
  removed: Map<string, bigint>;
  /** How many times a client asked for something of a removed request, and sentences about what it should not have got. */
  revisits: number;
  served: string[];
};

export const emptyJournal = (): Journal => ({
  keyed: new Map(),
  waited: [],
  streamed: [],
  replays: [],
  removing: new Set(),
  removed: new Map(),
  revisits: 0,
  served: [],
});
