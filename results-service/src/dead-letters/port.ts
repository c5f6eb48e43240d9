import type { DeadLetterEntry, DeadLetterPosition, DeadLetterRecord, ResultsApi } from "@sate/contracts";

export type DeadLetterQuery = Parameters<ResultsApi["listDeadLetters"]>[0];

/** `next`: the place from which the list continues. A page without it is the last one, however many it has. */
export type DeadLetterPage = { dead_letters: DeadLetterEntry[]; next?: DeadLetterPosition };

/** The dead letters of the Results DB. The obligations are those of `ResultsReader`. */
export type DeadLetters = {
  /**
   * Newest first, those that match every condition. Examines at most `limits.examinedMax` entries of one index; the cost
   * does not depend on how many are stored.
   */
  list(query: DeadLetterQuery): Promise<DeadLetterPage>;
  get(id: string): Promise<DeadLetterRecord | null>;
};
