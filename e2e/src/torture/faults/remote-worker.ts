import { leaseMs } from "../system.ts";
import { type Fault, fault, freeze, kill } from "./fault.ts";

const name = "remote-worker";

/** It is killed and fenced like any other worker. */
export const remoteWorkerFaults: Fault[] = [
  fault("F4", "kill -9 of a remote worker", async ({ remote }) => {
    kill(remote.pid(), "SIGKILL");
    return { targets: [name], outcome: "killed" };
  }),
  fault("F9", "SIGSTOP of a remote worker for longer than its lease", (nemesis) =>
    freeze(nemesis, [{ name, pid: nemesis.remote.pid(), port: 0 }], leaseMs * 2.5),
  ),
];
