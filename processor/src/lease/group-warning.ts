import type { Log } from "@sate/contracts/runtime";

const warning =
  "workers of this PROCESSOR_GROUP serve different processors: each record reaches only one worker of the group, so an execution may wait up to five seconds for a poll of one that serves it; give them all the same PROCESSORS_DIR, or each set a PROCESSOR_GROUP of its own";

/** Warns of processors that not every worker of the group serves: once, and again when they change. */
export function createGroupWarning(log: Log, group: string | undefined): (differing: string[]) => void {
  let last = "";
  return (differing) => {
    const processors = differing.join(" ");
    if (processors !== "" && processors !== last) log.warn(warning, { group, processors });
    last = processors;
  };
}
