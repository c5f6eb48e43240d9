/** How long a receiver counts as slow after a call that timed out. */
const slowMs = 30_000;

/**
 * Which webhooks have a receiver that lets calls time out. Such a receiver is called by one delivery at a time, until it
 * responds again, so that its deliveries do not occupy the slots of all others. `monotonic`: a clock in ms.
 */
export function createSlowReceivers(monotonic: () => number) {
  const slow = new Map<string, { isCalled: boolean; until: number }>();
  return {
    /** Whether the receiver may be called now. If so, `called` must follow. */
    mayCall(webhookId: string): boolean {
      const known = slow.get(webhookId);
      if (known === undefined || known.until < monotonic()) return true;
      if (known.isCalled) return false;
      known.isCalled = true;
      return true;
    },
    called(webhookId: string, hasTimedOut: boolean): void {
      if (hasTimedOut) slow.set(webhookId, { isCalled: false, until: monotonic() + slowMs });
      else slow.delete(webhookId);
    },
  };
}
