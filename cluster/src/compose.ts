import { join } from "node:path";

/** What of compose.yaml this folder reads. Everything else in it is Docker's business. */
export type Compose = { services: Record<string, ComposeService> };
export type ComposeService = {
  image?: string;
  build?: { context: string; dockerfile: string };
  command?: string[];
  environment?: Record<string, string | number | boolean>;
  restart?: string;
  depends_on?: string[];
  healthcheck?: {
    test: string[];
    interval: string;
    timeout: string;
    retries: number;
    start_period: string;
    start_interval: string;
  };
};

export const composeFile = join(import.meta.dir, "../../compose.yaml");

export async function readCompose(file = composeFile): Promise<Compose> {
  return Bun.YAML.parse(await Bun.file(file).text()) as Compose;
}

/** The service of that name; that it is missing is a mistake of ours in compose.yaml. */
export function serviceOf(compose: Compose, name: string): ComposeService {
  const service = compose.services[name];
  if (!service) throw new Error(`compose.yaml has no service ${name}.`);
  return service;
}
