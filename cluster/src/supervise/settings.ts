import { dirname, join, resolve } from "node:path";
import { type Compose, composeFile, ownServices, readCompose } from "../compose/compose.ts";
import { type Addresses, givenAddresses } from "../servers/addresses.ts";
import { type Layout, readLayout } from "./layout.ts";

export type Settings = {
  /** The gateway's. */
  host: string;
  /** The gateway's; 0 for any free port. */
  port: number;
  /** The cluster's own folder, next to standalone's data. */
  dataDir: string;
  logsDir: string;
  /** The folder of compose.yaml. */
  root: string;
  compose: Compose;
  /** Processes of each service. */
  scale: Record<string, number>;
  shutdownMs: number;
  /** Servers that already run, if the environment names them. */
  addresses: Addresses | undefined;
  layout: Layout;
};

const defaultDataDir = join(import.meta.dir, "../../../data");
/** Processes of one service on one machine. */
const instancesMax = 20;

/**
 * Reads what the cluster itself needs; the services check their own settings. Throws an error with one line for each
 * wrong setting.
 */
export async function loadSettings(env: Record<string, string | undefined>): Promise<Settings> {
  const file = env.COMPOSE_FILE ? resolve(env.COMPOSE_FILE) : composeFile;
  const profiles = (env.COMPOSE_PROFILES ?? "").split(",").map((name) => name.trim());
  const compose = await readCompose(file, profiles);
  const host = env.HOST || "127.0.0.1";
  const port = Number(env.PORT || 5003);
  const shutdownSeconds = Number(env.SHUTDOWN_SECONDS || 10);
  const { scale, problems } = parseScale(env.SCALE ?? "", ownServices(compose));
  if (!/^[\w.-]+$/.test(host)) problems.push("HOST must be an IPv4 address or a name.");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    problems.push("PORT must be a port from 0 to 65535.");
  if (!(shutdownSeconds >= 0.1 && shutdownSeconds <= 3_600))
    problems.push("SHUTDOWN_SECONDS must be from 0.1 to 3600 seconds.");
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const dataDir = join(env.DATA_DIR ? resolve(env.DATA_DIR) : defaultDataDir, "cluster");
  return {
    ...{ host, port, compose, scale, dataDir },
    logsDir: join(dataDir, "logs"),
    root: dirname(file),
    shutdownMs: shutdownSeconds * 1_000,
    addresses: givenAddresses(env),
    layout: readLayout(env.LAYOUT),
  };
}

/** Reads `processor=3 requests-service=2`, as after `docker compose up --scale`. A service not named runs once. */
function parseScale(text: string, services: string[]) {
  const scale = Object.fromEntries(services.map((name) => [name, 1]));
  const problems: string[] = [];
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const [, name = "", digits] = /^([a-z][a-z0-9-]*)=(\d{1,4})$/.exec(word) ?? [];
    const count = Number(digits);
    if (digits === undefined) problems.push("SCALE must be words like processor=3.");
    else if (!services.includes(name))
      problems.push(`SCALE names ${name}; the services are ${services.join(", ")}.`);
    else if (count > instancesMax) problems.push(`SCALE can have at most ${instancesMax} of ${name}.`);
    else if (name === "gateway" && count === 0) problems.push("SCALE must leave one gateway.");
    else scale[name] = count;
  }
  return { scale, problems };
}
