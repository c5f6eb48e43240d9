const firstMs = 100;
const mostMs = 2_000;

/**
 * The pause before try number `tries` (1, 2, …) of something that failed: doubled each time up to two
 * seconds, of which `random` (0 to 1) takes up to half, so that many processors do not come back at once.
 */
export function backoffMs(tries: number, random: number): number {
  const full = Math.min(firstMs * 2 ** Math.min(tries - 1, 10), mostMs);
  return full * (1 - random / 2);
}
