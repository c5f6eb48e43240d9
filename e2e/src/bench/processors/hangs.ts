/** Starts a process in a session of its own, and runs until it is killed. */
export default {
  run() {
    Bun.spawn(["setsid", "sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
    return new Promise(() => {});
  },
};
