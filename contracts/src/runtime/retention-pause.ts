const pauseMsMin = 1_000;
const pauseMsMax = 60_000;

/** How long to wait between two removals of what is older than it is kept: less for what is kept for a short time. */
export function retentionPauseMs(keptMs: number): number {
  return Math.min(Math.max(keptMs, pauseMsMin), pauseMsMax);
}
