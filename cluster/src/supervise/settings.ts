import { join, resolve } from "node:path";
import { composeFile } from "../compose/compose.ts";

export type Settings = {
  host: string;
  /** Of the gateway; 0 for any that is free. */
  port: number;
  /** The cluster's own folder, beside whatever standalone keeps there. */
  dataDir: string;
  scale: string;
  shutdownMs: number;
  composeFile: string;
};

export type Loaded = { kind: "loaded"; settings: Settings } | { kind: "wrong"; problems: string[] };

const defaultDataDir = join(import.meta.dir, "../../../data");

/** Reads what the cluster itself needs; the services check their own settings. */
export function loadSettings(env: Record<string, string | undefined>): Loaded {
  const problems: string[] = [];
  const host = env.HOST || "127.0.0.1";
  const port = Number(env.PORT || 5003);
  const shutdownSeconds = Number(env.SHUTDOWN_SECONDS || 10);
  if (!/^[\w.-]+$/.test(host)) problems.push("HOST must be an IPv4 address or a name.");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    problems.push("PORT must be a port from 0 to 65535.");
  if (!(shutdownSeconds >= 0 && shutdownSeconds <= 3_600))
    problems.push("SHUTDOWN_SECONDS must be from 0 to 3600 seconds: the time for a clean stop.");
  if (problems.length > 0) return { kind: "wrong", problems };
  return {
    kind: "loaded",
    settings: {
      host,
      port,
      dataDir: join(env.DATA_DIR ? resolve(env.DATA_DIR) : defaultDataDir, "cluster"),
      scale: env.SCALE ?? "",
      shutdownMs: shutdownSeconds * 1_000,
      composeFile: env.COMPOSE_FILE ? resolve(env.COMPOSE_FILE) : composeFile,
    },
  };
}
