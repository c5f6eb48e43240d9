/** Starts a process in a session of its own, and runs until its signal is aborted. */
export default {
  run(_payload: unknown, { signal }: { signal: AbortSignal }) {
    Bun.spawn(["setsid", "sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  },
};
