import { inTime } from "./deadline.ts";
import type { HealthRules } from "./health.ts";
import { type Installed, kafkaCommand, mongoCommand, type Ports } from "./java-servers.ts";
import type { Listener } from "./layout.ts";
import { listensOn } from "./listens-on.ts";
import type { Output } from "./output.ts";
import type { ProcessPlan } from "./plan.ts";
import type { RestartPolicy } from "./restart.ts";
import type { Task } from "./supervised.ts";

const serverHealth: HealthRules = {
  intervalMs: 2_000,
  timeoutMs: 2_000,
  retries: 3,
  startPeriodMs: 60_000,
  startIntervalMs: 100,
};
/** Of our own environment, what a process needs to find its way; all else comes from compose.yaml. */
const passedOn = ["PATH", "HOME", "TMPDIR", "TZ"];
/** And what arms the failpoints and the trial handlers of a test, of which compose.yaml must know nothing. */
const testBuild = ["SATE_TEST_BUILD", "SATE_FAILPOINT", "SATE_FAILPOINT_LOG", "TEST_HANDLERS"];

/** Kafka and the databases as two processes, each always on the same ports and data. */
export async function serverTasks(
  java: Installed,
  dataDir: string,
  ports: Ports,
  restart: RestartPolicy,
  outputOf: (name: string) => Output,
  listeners: Listener[] = [],
): Promise<Task[]> {
  const server = (name: string, port: number, also: number[], command: string[]): Task => ({
    name,
    port,
    command,
    env: process.env,
    restart,
    health: serverHealth,
    check: async () => (await Promise.all([port, ...also].map(listensOn))).every(Boolean),
    hasInput: true,
    output: outputOf(name),
  });
  return [
    server("kafka", ports.kafka, [], await kafkaCommand(java, dataDir, ports, listeners)),
    server("mongo", ports.requestsDb, [ports.resultsDb], await mongoCommand(java, dataDir, ports)),
  ];
}

export function serviceTask(plan: ProcessPlan, output: Output): Task {
  const own = Object.fromEntries([...passedOn, ...testBuild].map((name) => [name, process.env[name]]));
  const env = { ...own, ...plan.env };
  return {
    ...plan,
    env,
    check: () => succeeds(plan.health.command, plan.cwd, env, plan.health.timeoutMs),
    hasInput: false,
    output,
  };
}

async function succeeds(
  command: string[],
  cwd: string,
  env: Task["env"],
  timeoutMs: number,
): Promise<boolean> {
  const child = Bun.spawn(command, {
    cwd,
    env,
    stdio: ["ignore", "ignore", "ignore"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  return (await inTime(child.exited, timeoutMs + 1_000)) === 0;
}
