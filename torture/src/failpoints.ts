import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** The gaps between two writes at which a cluster's process is killed, by the fault that it is. */
export const gaps: Record<string, string[]> = {
  F2: [
    "gateway.accepted",
    "requests-service.stored",
    "requests-service.requeued",
    "requests-service.refusal-stored",
  ],
  F3: [
    "requests-service.published",
    "requests-service.confirmed",
    "processor.published",
    "requests-service.refusal-published",
  ],
  F4: ["processor.claimed"],
  F5: ["processor.heard", "processor.ended", "processor.finished"],
  F6: ["results-listener.recorded"],
};

/** Between what a sweep of the workers saw and what it writes. In a cluster its process stands still there, instead. */
export const sweepGap = "requests-service.orphaned";

/** In standalone every gap is one of its own process. */
export const standaloneGaps = ["sqlite.committed", sweepGap, ...Object.values(gaps).flat()];

/**
 * Every failpoint of every process is armed from the start, but spent: its name stands in the log. `arm` takes it out,
 * and the next process that comes by is killed there and writes it in again. At those that are `delayed` it stands still
 * for a second, in which somebody may stop it for longer.
 */
export function createFailpoints(log: string, delayed: readonly string[] = []) {
  const read = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : []);
  const isSpent = (name: string) => read().some((line) => line.startsWith(`${name} `));
  const write = (lines: string[]) => {
    writeFileSync(`${log}.new`, lines.map((line) => `${line}\n`).join(""));
    renameSync(`${log}.new`, log);
  };
  write(standaloneGaps.map((name) => `${name} spent`));
  return {
    environment: {
      SATE_TEST_BUILD: "1",
      SATE_FAILPOINT: standaloneGaps
        .map((name) => `${name}:${delayed.includes(name) ? "delay" : "kill"}`)
        .join(","),
      SATE_FAILPOINT_LOG: log,
    },
    arm: (name: string) => write(read().filter((line) => !line.startsWith(`${name} `))),
    /** Safe when it has fired in the same instant: then it stands there twice. */
    disarm: (name: string) => write([...read(), `${name} spent`]),
    isSpent,
    /** The process that met it last. */
    firedIn: (name: string) =>
      Number(
        read()
          .findLast((line) => line.startsWith(`${name} `))
          ?.split(" ")[2],
      ),
  };
}

export type Failpoints = ReturnType<typeof createFailpoints>;
