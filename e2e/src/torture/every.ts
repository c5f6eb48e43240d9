/**
 * Looks again and again, `ms` apart. A look that fails is only left out: what is looked at may well be frozen. `stop`
 * waits for the look that is under way.
 */
export function every(ms: number, look: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = Promise.withResolvers<void>();
  let isStopped = false;
  const looking = (async () => {
    while (!isStopped) {
      await look().catch(() => {});
      await Promise.race([Bun.sleep(ms), stopping.promise]);
    }
  })();
  return {
    stop() {
      isStopped = true;
      stopping.resolve();
      return looking;
    },
  };
}
