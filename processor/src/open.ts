import { defaultProcessor, processingSettings } from "@sate/contracts";
import type { Log } from "@sate/contracts/runtime";
import { type Static, Type } from "@sinclair/typebox";
import { openProcessors } from "./handlers/registry.ts";
import { simulation } from "./handlers/simulation.ts";
import type { Processors } from "./ports.ts";
import { systemTime as time } from "./time.ts";

const Settings = Type.Object(processingSettings);

/** The simulation ends as soon as it is aborted. */
const simulationGraceMs = 500;

/**
 * The processors that a process with these settings serves: the built-in simulation and those of `PROCESSORS_DIR`. For
 * each file that cannot be loaded, `problems` has one line; the others are served. `watch`: changes in the folder are
 * served without a restart.
 */
export function processorsOf(
  settings: Static<typeof Settings>,
  options: { env: Record<string, string | undefined>; watch: boolean; log: Log },
): Promise<{ processors: Processors; problems: string[] }> {
  const { env } = options;
  const simulated = {
    announcement: {
      name: defaultProcessor,
      kind: "simulation" as const,
      timeout_seconds: settings.EXECUTION_SECONDS,
    },
    handler: simulation({ processingMs: settings.PROCESSING_SECONDS * 1_000, time }),
    graceMs: simulationGraceMs,
  };
  return openProcessors({
    ...options,
    folder: settings.PROCESSORS_DIR,
    isRequired: (env.PROCESSORS_DIR ?? "").trim() !== "",
    builtIn: [simulated],
    timeoutSeconds: settings.EXECUTION_SECONDS,
    concurrency: settings.CONCURRENCY,
  });
}
