import { connect } from "node:net";

export type JavaProcess = {
  pid: number;
  exited: Promise<number>;
  stop: (deadlineMs: number) => Promise<void>;
};

/**
 * Starts a server whose standard input is a pipe that we hold: it ends gently when that closes, so also when we are
 * killed (EndWithInput.java).
 */
export function startJava(command: string[], output: "inherit" | number): JavaProcess {
  const child = Bun.spawn(command, {
    stdin: "pipe",
    stdout: output === "inherit" ? 2 : output,
    stderr: output,
  });
  return {
    pid: child.pid,
    exited: child.exited,
    async stop(deadlineMs) {
      child.kill("SIGTERM");
      child.kill("SIGCONT");
      const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

const connectMs = 1_000;

/** Whether somebody takes connections there. */
export function listensOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const answer = (listens: boolean) => {
      socket.destroy();
      resolve(listens);
    };
    socket.setTimeout(connectMs, () => answer(false));
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
