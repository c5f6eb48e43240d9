import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@sate/contracts/test/until.ts";

/** Debian's nginx, whose folder is not always on the path of users; `null` where there is none. */
export const nginxPath = Bun.which("nginx") ?? Bun.which("nginx", { PATH: "/usr/sbin:/usr/local/sbin" });

/**
 * A free port below the ephemeral range, so that no outgoing connection of another test process takes it before it is used,
 * or while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 8_000);
    try {
      await Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response() }).stop(true);
      return port;
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    }
  }
}

/** Runs nginx with its default settings in front of `upstreamPort`, which is at `/sate/`. */
export async function startNginx(upstreamPort: number): Promise<{ origin: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "sate-nginx-"));
  // Started by root, its workers are another user's, and keep large bodies in this folder.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  const config = `
daemon off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  ${temporary}
  server {
    listen 127.0.0.1:${port};
    location /sate/ { proxy_pass http://127.0.0.1:${upstreamPort}/; }
  }
}
`;
  writeFileSync(join(folder, "nginx.conf"), config);
  const command = [nginxPath as string, "-p", folder, "-e", `${folder}/error.log`, "-c", "nginx.conf"];
  const child = Bun.spawn(command, { stdout: "ignore", stderr: "inherit" });
  const origin = `http://127.0.0.1:${port}`;
  await until("nginx listens", () =>
    fetch(origin).then(
      () => true,
      () => false,
    ),
  );
  return {
    origin,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
