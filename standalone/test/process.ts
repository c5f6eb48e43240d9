import { join } from "node:path";
import { until } from "./until.ts";

export const root = join(import.meta.dir, "../..");
const script = join(import.meta.dir, "../src/main.ts");

/** What responses have, of which each has a part. */
type Body = { id: string; status: string; ready: boolean; reasons: string[]; detail: string; lost: number };

/** Standalone as its users start it: in `wrap`, or as `command` at the root. */
export function run(
  env: Record<string, string>,
  { wrap = [], command = [process.execPath, script] }: { wrap?: string[]; command?: string[] } = {},
) {
  const child = Bun.spawn([...wrap, ...command], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const read = async () => {
    for await (const piece of child.stdout) text += new TextDecoder().decode(piece);
  };
  const done = read();
  const url = () => /Sate is ready on (\S+)/.exec(text)?.[1];
  const ask = async (path: string, body?: object) => {
    const headers = { "content-type": "application/json" };
    const post = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`${url()}${path}`, body ? post : {});
    return { status: response.status, json: (await response.json()) as Body };
  };
  return {
    child,
    ask,
    text: () => text,
    log: () => text.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : [])),
    /** Resolves when it has said so, with where it is. */
    async ready(): Promise<string> {
      const isOver = () => child.exitCode !== null || child.signalCode !== null;
      await until("it is ready, or has ended", () => url() !== undefined || isOver(), 30_000);
      return url() ?? "";
    },
    /** Its exit code, and what it said on standard error. */
    async ended(): Promise<{ code: number; said: string }> {
      const [code, said] = await Promise.all([child.exited, child.stderr.text(), done]);
      return { code, said };
    },
  };
}
