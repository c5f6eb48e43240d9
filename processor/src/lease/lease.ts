import type { Ports } from "../ports.ts";

/** Two thirds: it expires here before the sweepers, which wait for the whole lease, can expire it. */
const ownShareOfLease = 2 / 3;

/**
 * The lease of this process, counted by its own monotonic clock from when the last acknowledged heartbeat was sent.
 * A *worker* is one registration of the process: a random id with one lease for all its runs. An expired one never
 * comes back; `replace` begins another.
 *
 *     new ──registered──▶ alive ──expired──▶ gone, and a new one begins
 */
export function createLease({ time, newId }: Pick<Ports, "time" | "newId">, leaseMs: number) {
  let workerId = newId();
  /** `null` before its registration. */
  let renewedAt: number | null = null;
  let isEnded = false;

  const hasExpired = () => renewedAt !== null && time.monotonic() - renewedAt >= leaseMs * ownShareOfLease;

  return {
    /** The worker that may claim, start and finish runs at this moment, or `null`. */
    id: (): string | null => (renewedAt === null || isEnded || hasExpired() ? null : workerId),
    /** The worker, registered or not, expired or not. */
    workerId: (): string => workerId,
    isRegistered: (): boolean => renewedAt !== null,
    hasExpired,
    /** Renews the lease by a heartbeat sent then. Returns `false` if that worker has expired or ended meanwhile. */
    renew(id: string, sentAt: number): boolean {
      if (id !== workerId || isEnded || hasExpired()) return false;
      renewedAt = sentAt;
      return true;
    },
    /** Begins another worker, which is not registered yet. */
    replace(): void {
      workerId = newId();
      renewedAt = null;
    },
    /** No worker may do anything from now on. */
    end(): void {
      isEnded = true;
    },
  };
}

export type Lease = ReturnType<typeof createLease>;
